/** Texts that are remembered. */
import { createHash } from 'node:crypto'

/** Longer keys are hashed: a path may have thousands of bytes, and many keys are remembered. */
const KEY_MAX = 256

/** The same in memory of its own: a text that was cut out of a head, or put together with one, would keep all of the head. */
export function ownText(text: string): string {
  return Buffer.from(text).toString()
}

/** What one service says of one thing. */
export function cacheKey(service: string, thing: string): string {
  const key = `${service} ${thing}`
  return key.length <= KEY_MAX ? key : createHash('sha256').update(key).digest('base64')
}
