/** Shorthands for the bytes of a request. */
import { HOST } from '../contract.ts'

/** Head lines, each ended by CRLF, an empty line, and the body. */
export const raw = (lines: readonly string[], body = ''): string => `${lines.join('\r\n')}\r\n\r\n${body}`

export const get = (target: string, ...fields: string[]): string =>
  raw([`GET ${target} HTTP/1.1`, `Host: ${HOST}`, ...fields])

export const post = (fields: readonly string[], body: string, target = '/x'): string =>
  raw([`POST ${target} HTTP/1.1`, `Host: ${HOST}`, ...fields], body)

export const chunked = (body: string, ...fields: string[]): string =>
  post(['Transfer-Encoding: chunked', ...fields], body)

/** What an attacker wants to have seen as a request of its own. */
export const SMUGGLED = raw(['GET /admin HTTP/1.1', `Host: ${HOST}`])

/** `\x0b` as `0b`. */
export const hex = (character: string): string => character.charCodeAt(0).toString(16).padStart(2, '0')

/** All control characters but TAB, CR and LF, and DEL. */
export const CONTROLS: readonly string[] = [
  ...Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).filter((one) => !'\t\r\n'.includes(one)),
  '\x7f',
]
