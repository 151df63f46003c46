import type { Clock } from './clock.ts'

let second = -1
let text = ''

/** Now, as Date and Expires have it (RFC 9110 §5.6.7). Written once a second. */
export function httpDate(clock: Clock): string {
  const now = Math.floor(clock.now() / 1000)
  if (now !== second) {
    second = now
    text = new Date(now * 1000).toUTCString()
  }
  return text
}
