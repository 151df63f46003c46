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

/** All cookies but the `hidden`, as one line; undefined where none of them is there and nothing changes. */
export function cookiesBut(headers: RawHeaders, hidden: (name: string) => boolean): string | undefined {
  const pairs = headerValues(headers, 'cookie').flatMap((line) => line.split(';').map((pair) => pair.trim()))
  const others = pairs.filter((pair) => !hidden(pair.split('=', 1)[0]!.trim()))
  return others.length === pairs.length ? undefined : others.filter((pair) => pair !== '').join('; ')
}
