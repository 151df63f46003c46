/**
 * Keeps what a browser holds for us from being read or changed: AES-256-GCM, a key for each purpose derived by HKDF, so that
 * what was sealed for one is not taken for another. Not JWE, though it says the same: its head is 50 bytes in each cookie, and
 * its decryption a wait in each request.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

export class Seal {
  readonly #keys: readonly Buffer[]

  /** `keys`: the first seals, all open. `purpose` is what two seals of the same keys differ in. */
  constructor(keys: readonly Buffer[], purpose: string) {
    this.#keys = keys.map((key) => Buffer.from(hkdfSync('sha256', key, '', purpose, 32)))
  }

  /** As base64url. */
  close(value: unknown): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#keys[0]!, nonce)
    const body = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()])
    return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url')
  }

  /** Undefined for whatever was not sealed with one of the keys for this purpose. */
  open(text: string): unknown {
    const bytes = Buffer.from(text, 'base64url')
    // Of the spellings of the same bytes only our own.
    if (bytes.length < NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== text) return undefined
    for (const key of this.#keys) {
      const opened = openWith(key, bytes)
      if (opened !== undefined) return JSON.parse(opened)
    }
    return undefined
  }
}

function openWith(key: Buffer, bytes: Buffer): string | undefined {
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    const body = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
    return Buffer.concat([body, decipher.final()]).toString('utf8')
  } catch {
    return undefined // forged, changed, or sealed with another key: none of it is worth more than "no"
  }
}
