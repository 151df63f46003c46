/**
 * The request target and Host, decided once: what is matched is the same text that is forwarded. Pure.
 *
 * Escapes of unreserved characters are undone (RFC 3986 §6.2.2.2), so that `/%61dmin` cannot pass a rule for `/admin`.
 * What an upstream might read in two ways is refused rather than repaired.
 */

export interface Target {
  /** Normalised, starting with `/`; or `*`. */
  readonly path: string
  /** Without `?`; as the client sent it. */
  readonly query: string
}

/** A refusal: a stable word for logs and programs, and a sentence for people. */
export interface Refusal {
  readonly reason: string
  readonly message: string
}

const refuse = (reason: string, message: string): Refusal => ({ reason, message })

/** By which the connection is. */
export type Scheme = 'http' | 'https'

/** Reads the target of a request whose (only) Host field is `host`. */
export function parseTarget(raw: string, host: string, scheme: Scheme = 'http'): Target | Refusal {
  if (raw === '*') return { path: '*', query: '' }
  if (/[^\x21-\x7e]/.test(raw)) return refuse('target_characters', 'the target has characters that must be escaped')
  if (raw.includes('#')) return refuse('target_fragment', 'a target has no fragment')
  if (raw.startsWith('/')) return parseOriginForm(raw)
  const prefix = `${scheme}://`
  if (raw.slice(0, prefix.length).toLowerCase() !== prefix) return refuse('target_form', 'the target must be a path')
  const [, authority, rest] = /^([^/?]*)(.*)$/.exec(raw.slice(prefix.length))!
  if (authority === '') return refuse('target_form', 'the target names no host')
  if (comparable(authority!, scheme) !== comparable(host, scheme))
    return refuse('host_mismatch', 'the target names another host than Host')
  return parseOriginForm(rest!.startsWith('/') ? rest! : `/${rest}`)
}

/** Lower case, default port and trailing dot removed: two names for the same place become one. */
function comparable(authority: string, scheme: Scheme): string {
  return authority
    .toLowerCase()
    .replace(scheme === 'http' ? /:(80)?$/ : /:(443)?$/, '')
    .replace(/\.(?=:|$)/, '')
}

function parseOriginForm(raw: string): Target | Refusal {
  const mark = raw.indexOf('?')
  const path = mark === -1 ? raw : raw.slice(0, mark)
  const query = mark === -1 ? '' : raw.slice(mark + 1)
  if (path.includes('\\')) return refuse('path_backslash', 'a path has no backslash')
  if (/%(?![0-9a-f]{2})/i.test(path)) return refuse('path_escape', 'a % in the path is not followed by two hex digits')
  const normal = path.includes('%') ? normaliseEscapes(path) : path
  return pathRefusal(normal) ?? { path: normal, query }
}

function normaliseEscapes(path: string): string {
  return path.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return /[A-Za-z0-9\-._~]/.test(character) ? character : encoded.toUpperCase()
  })
}

/** `%25` before one of the dangerous escapes is refused too: a second decoding further on would set it free. */
const HIDDEN = /%(?:25)*(?:2F|5C|00|23)|%(?:25)+2E/i

function pathRefusal(path: string): Refusal | undefined {
  if (HIDDEN.test(path))
    return refuse('path_hidden_separator', 'the path hides a separator, a dot or a NUL in an escape')
  if (path.includes('//')) return refuse('path_empty_segment', 'the path has an empty segment (//)')
  if (/\/\.\.?(?:[/;]|$)/.test(path)) return refuse('path_dot_segment', 'the path has a dot segment')
  return undefined
}

/** One host name or address, with an optional port. Underscores are let through: container networks use them. */
const HOST = /^(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i

export function isValidHost(host: string): boolean {
  return host.length <= 261 && HOST.test(host) && !host.includes('..')
}

/** A Host value as routes see it: lower case, without port and trailing dot. */
export function normaliseHost(host: string): string {
  const lower = host.toLowerCase()
  const port = lower.search(/:\d*$/)
  const end = port === -1 ? lower.length : port
  return lower.slice(0, lower[end - 1] === '.' ? end - 1 : end)
}
