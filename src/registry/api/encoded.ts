/** A body encoded once and sent to many: text, bytes and gzipped bytes, each made on first demand. */
import { gzipSync } from 'node:zlib'

/** Consul compresses from this size on. */
const GZIP_MIN_BYTES = 1400
const GZIP_LEVEL = 4

export class Encoded {
  readonly bytes: Buffer
  /** Something was left out that whoever asks may not see. */
  readonly isPartial: boolean
  #gzip: Buffer | undefined

  constructor(body: string | Buffer, isPartial = false) {
    this.isPartial = isPartial
    this.bytes = typeof body === 'string' ? Buffer.from(body) : body
  }

  /** Gzipped bytes, or undefined where it does not pay. */
  get gzip(): Buffer | undefined {
    if (this.bytes.length < GZIP_MIN_BYTES) return undefined
    this.#gzip ??= gzipSync(this.bytes, { level: GZIP_LEVEL })
    return this.#gzip
  }

  equals(other: Encoded | undefined): boolean {
    return other !== undefined && (this === other || this.bytes.equals(other.bytes))
  }
}

/** JSON as Go writes it: `<`, `>`, `&` and the line separators are escaped, so that a browser finds no tag in a name. */
export function encodeJson(value: unknown): string {
  return escapeHtml(JSON.stringify(value))
}

export function escapeHtml(json: string): string {
  return UNSAFE.test(json) ? json.replace(UNSAFE_ALL, escapeUnit) : json
}

const UNSAFE = /[<>&\u2028\u2029]/
const UNSAFE_ALL = new RegExp(UNSAFE, 'g')
const escapeUnit = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

type ReviverContext = { readonly source?: string }
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }

/** `?pretty`: four spaces and a final newline. 64-bit numbers keep their digits. */
export function prettyJson(json: string): string {
  const keepDigits = (_key: string, value: unknown, context?: ReviverContext) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && context?.source !== undefined
      ? rawJSON(context.source)
      : value
  return `${escapeHtml(JSON.stringify(JSON.parse(json, keepDigits), null, 4))}\n`
}
