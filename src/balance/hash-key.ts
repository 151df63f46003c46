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

/** The kinds of source: `kind` or `kind:name`. */
const READERS: Readonly<Record<string, { readonly named: boolean; readonly read: Reader }>> = {
  ip: { named: false, read: ({ ip }) => plainAddress(ip) },
  'ip-port': { named: false, read: ({ ip, port }) => `${plainAddress(ip)}:${port}` },
  header: { named: true, read: ({ headers }, name) => header(headers, name.toLowerCase()) },
  cookie: { named: true, read: ({ headers }, name) => cookieOf(headers, name) },
  param: { named: true, read: ({ params }, name) => (Object.hasOwn(params, name) ? params[name] : undefined) },
  query: { named: true, read: ({ query }, name) => new URLSearchParams(query).get(name) ?? undefined },
}

/** A header or cookie name (RFC 9110 token), or the name of a parameter. */
const NAME = /^[\w!#$%&'*+.^`|~-]+$/

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
  const { named } = READERS[kind]!
  if (named && !NAME.test(name)) return `key source '${text}' needs a name: '${kind}:<name>'`
  if (!named && text !== kind) return `key source '${kind}' takes no name, found '${text}'`
  return undefined
}

function known(): string {
  return Object.entries(READERS)
    .map(([kind, { named }]) => (named ? `${kind}:<name>` : kind))
    .join(', ')
}

function split(source: string): { kind: string; name: string } {
  const colon = source.indexOf(':')
  return colon < 0 ? { kind: source, name: '' } : { kind: source.slice(0, colon), name: source.slice(colon + 1) }
}
