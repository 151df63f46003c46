/** A key as the API gives it and as `kv` shows it. */
import { columns } from './columns.ts'

export interface KvPair {
  readonly Key: string
  /** Base64; null when empty. */
  readonly Value: string | null
  /** A bigint above 2^53. */
  readonly Flags: number | bigint
  readonly LockIndex: number
  readonly CreateIndex: number
  readonly ModifyIndex: number
  readonly Session?: string
}

/** The value as it is stored, or its base64. */
export function bytesOf({ Value }: KvPair, base64: boolean): Uint8Array {
  return base64 ? Buffer.from(Value ?? '') : Buffer.from(Value ?? '', 'base64')
}

/** All that is known of a key, the value last, as it may have line breaks. */
export function detailsOf(pair: KvPair, base64: boolean): Uint8Array {
  const rows = [
    ['CreateIndex', String(pair.CreateIndex)],
    ['Flags', String(pair.Flags)],
    ['Key', pair.Key],
    ['LockIndex', String(pair.LockIndex)],
    ['ModifyIndex', String(pair.ModifyIndex)],
    ['Session', pair.Session ?? '-'],
    ['Value', '|'],
  ]
  const text = columns(rows, 6).join('\n').slice(0, -1)
  return Buffer.concat([Buffer.from(text), bytesOf(pair, base64)])
}

/** Keys cannot begin with a slash, but people write one. */
export function withoutSlash(key: string): string {
  return key.startsWith('/') ? key.slice(1) : key
}
