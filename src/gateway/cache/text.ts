/** Texts that are remembered. */
import { createHash } from 'node:crypto'

/** Longer keys are hashed: a path may have thousands of bytes, and many keys are remembered. */
const KEY_MAX = 256

/** What one service says of one thing. */
export function cacheKey(service: string, thing: string): string {
  const key = `${service} ${thing}`
  return key.length <= KEY_MAX ? key : createHash('sha256').update(key).digest('base64')
}
