import { headerValues, type RawHeaders } from './headers.ts'

/** The value of the first cookie called `name`, as the client sent it. */
export function cookieOf(headers: RawHeaders, name: string): string | undefined {
  for (const line of headerValues(headers, 'cookie')) {
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=')
      if (equals >= 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
    }
  }
  return undefined
}
