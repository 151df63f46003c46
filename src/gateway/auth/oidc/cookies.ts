/**
 * Cookies that only this host sets and only browsers hold: `__Host-` lets no other host of the domain and no plain HTTP write
 * them, HttpOnly no script read them, SameSite=Lax no foreign page send them along but by a link.
 */
import { headerValues, type RawHeaders } from '../../../core/headers.ts'

/** In front of all of the gateway's own, which upstreams never see. */
export const OWN_COOKIES = '__Host-skein-'

/** Browsers keep 4096 bytes of a cookie with name and attributes. */
const PART_MAX = 3_800
/** Together they must leave room in a request's head, which may have 16 KiB. */
const PARTS_MAX = 3

const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax'

/** All of them, by name; of two with one name the first. */
export function cookiesOf(headers: RawHeaders): Map<string, string> {
  const cookies = new Map<string, string>()
  for (const line of headerValues(headers, 'cookie')) {
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=')
      const name = pair.slice(0, equals).trim()
      if (equals > 0 && name.startsWith(OWN_COOKIES) && !cookies.has(name))
        cookies.set(name, pair.slice(equals + 1).trim())
    }
  }
  return cookies
}

export function isOwnCookie(name: string): boolean {
  return name.startsWith(OWN_COOKIES)
}

/** A value for Set-Cookie. */
export function cookie(name: string, value: string, seconds: number): string {
  return `${name}=${value}; ${ATTRIBUTES}; Max-Age=${seconds}`
}

export function noCookie(name: string): string {
  return cookie(name, '', 0)
}

/** The text that was shared out among `name`, `name.1` …; the first part says how many there are. */
export function joined(name: string, cookies: ReadonlyMap<string, string>): string | undefined {
  const [, count, first] = /^([1-9])~(.*)$/s.exec(cookies.get(name) ?? '') ?? []
  if (count === undefined || Number(count) > PARTS_MAX) return undefined
  const parts = [first]
  for (let i = 1; i < Number(count); i++) parts.push(cookies.get(`${name}.${i}`))
  return parts.every((part) => part !== undefined && part.length <= PART_MAX) ? parts.join('') : undefined
}

/** Set-Cookie values that put `text` in place of what `shown` has under the name. Undefined = it does not fit. */
export function shared(
  name: string,
  text: string,
  seconds: number,
  shown: ReadonlyMap<string, string>,
): string[] | undefined {
  const count = Math.ceil(text.length / PART_MAX)
  if (count > PARTS_MAX) return undefined
  const parts = Array.from({ length: count }, (_, i) => text.slice(i * PART_MAX, (i + 1) * PART_MAX))
  const set = parts.map((part, i) => cookie(partName(name, i), i === 0 ? `${count}~${part}` : part, seconds))
  return [
    ...set,
    ...partsOf(name, shown)
      .filter((one) => Number(one.split('.')[1] ?? 0) >= count)
      .map(noCookie),
  ]
}

/** The parts of `name` that are shown. */
export function partsOf(name: string, shown: ReadonlyMap<string, string>): string[] {
  const names = Array.from({ length: PARTS_MAX }, (_, i) => partName(name, i))
  return names.filter((one) => shown.has(one))
}

function partName(name: string, i: number): string {
  return i === 0 ? name : `${name}.${i}`
}
