/** Where the text that a hash policy hashes comes from. */
import { plainAddress } from '../core/address.ts'
import { cookieOf } from '../core/cookie.ts'
import { header, type RawHeaders } from '../core/headers.ts'
import type { HashKeySource } from './contract.ts'

/** What of a request a key can come from. */
export interface KeyedRequest {
  /** The client's address, after trusted proxies. */
  readonly ip: string
  readonly port: number
  readonly headers: RawHeaders
  /** Path parameters of the matched route. */
  readonly params: Readonly<Record<string, string>>
  /** With or without the leading `?`. */
  readonly query: string
}

type Reader = (request: KeyedRequest, name: string) => string | undefined

/** A header or cookie name (RFC 9110 token), or the name of a parameter. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/** The kinds of source: `kind` or `kind:name`, and what names there are. */
const READERS: Readonly<Record<string, { readonly name?: RegExp; readonly read: Reader }>> = {
  ip: { read: ({ ip }) => plainAddress(ip) },
  'ip-port': { read: ({ ip, port }) => `${plainAddress(ip)}:${port}` },
  header: { name: TOKEN, read: ({ headers }, name) => header(headers, name.toLowerCase()) },
  cookie: { name: TOKEN, read: ({ headers }, name) => cookieOf(headers, name) },
  param: { name: TOKEN, read: ({ params }, name) => (Object.hasOwn(params, name) ? params[name] : undefined) },
  // Any text, such as `filter[user]`.
  query: { name: /./s, read: ({ query }, name) => new URLSearchParams(query).get(name) ?? undefined },
}

/** The key of `request`; undefined when it lacks the part or that is empty: then the policy chooses by P2C. */
export function hashKeyOf(source: HashKeySource, request: KeyedRequest): string | undefined {
  const { kind, name } = split(source)
  return READERS[kind]!.read(request, name) || undefined
}

/** What is wrong with a source as a user wrote it, or undefined. */
export function checkHashKeySource(text: unknown): string | undefined {
  if (typeof text !== 'string') return `${JSON.stringify(text)} is not a text such as 'ip' or 'header:x-user'`
  const { kind, name } = split(text)
  if (!Object.hasOwn(READERS, kind)) return `unknown key source '${text}' (known: ${known()})`
  const { name: wanted } = READERS[kind]!
  if (wanted?.test(name) === false) return `key source '${text}' needs a name: '${kind}:<name>'`
  if (wanted === undefined && text !== kind) return `key source '${kind}' takes no name, found '${text}'`
  return undefined
}

function known(): string {
  return Object.entries(READERS)
    .map(([kind, { name }]) => (name === undefined ? kind : `${kind}:<name>`))
    .join(', ')
}

function split(source: string): { kind: string; name: string } {
  const colon = source.indexOf(':')
  return colon < 0 ? { kind: source, name: '' } : { kind: source.slice(0, colon), name: source.slice(colon + 1) }
}
