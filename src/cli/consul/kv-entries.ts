/** The document that `consul kv export` writes. */
import { Failure } from '../command.ts'
import { parseExact } from './exact.ts'

export interface KvEntry {
  readonly key: string
  readonly flags: number | bigint
  /** Base64. */
  readonly value: string
}

/** All are looked at before the first is written. @throws Failure for what is no export. */
export function readKvEntries(text: string): KvEntry[] {
  return checkKvEntries(parse(text))
}

export function checkKvEntries(value: unknown): KvEntry[] {
  if (!Array.isArray(value)) throw new Failure('Cannot unmarshal data: it is no list')
  return value.map((one: Partial<Record<keyof KvEntry, unknown>> | null, i) => {
    const { key, flags = 0, value = '' } = one ?? {}
    if (typeof key !== 'string' || key === '') throw new Failure(`Cannot unmarshal data: entry ${i} has no key`)
    if (typeof flags !== 'number' && typeof flags !== 'bigint')
      throw new Failure(`Cannot unmarshal data: flags of ${key} is no number`)
    if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
      throw new Failure(`Error base 64 decoding value for key ${key}`)
    return { key, flags, value }
  })
}

function parse(text: string): unknown {
  try {
    return parseExact(text)
  } catch (error) {
    throw new Failure(`Cannot unmarshal data: ${error instanceof Error ? error.message : error}`)
  }
}
