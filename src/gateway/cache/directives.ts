import { headerValues, type RawHeaders } from '../../core/headers.ts'

/** Cache-Control: name in lower case → its argument, or the empty text. Of a repeated one the first counts. */
export type Directives = ReadonlyMap<string, string>

export function directivesOf(headers: RawHeaders): Directives {
  const directives = new Map<string, string>()
  for (const line of headerValues(headers, 'cache-control')) {
    for (const [, name, quoted, plain] of line.matchAll(/([\w-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,]*)))?/g)) {
      const key = name!.toLowerCase()
      if (!directives.has(key)) directives.set(key, quoted ?? plain ?? '')
    }
  }
  return directives
}

/** More than this is this (RFC 9111 §1.2.2). */
export const SECONDS_MAX = 2 ** 31

/** Seconds of a directive: undefined when it is absent, 0 when it is no number (RFC 9111 §4.2.1: then it is stale). */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const text = directives.get(name)
  if (text === undefined) return undefined
  return /^\d+$/.test(text) ? Math.min(Number(text), SECONDS_MAX) : 0
}
