/**
 * API keys: long random texts, one a client. Only their SHA-256 is kept, and looked up: nothing is compared letter by letter,
 * so time tells nothing. A slow hash is for passwords, which people choose; nobody guesses 128 random bits.
 */
import { createHash } from 'node:crypto'
import { hashKeyOf, type KeyedRequest } from '../../balance/hash-key.ts'
import { SkeinError } from '../../core/errors.ts'
import type { FieldEdits } from '../field-edits.ts'
import type { ApiKeyConfig } from '../rule/auth.ts'
import type { Authenticator, Decision } from './contract.ts'

export const DEFAULT_PLACE = 'header:x-api-key'
/** Longer is no key of ours. */
const KEY_MAX = 1024

export class ApiKeys implements Authenticator {
  readonly scheme: string
  readonly ownFields: readonly string[] = []
  readonly #place: NonNullable<ApiKeyConfig['in']>
  /** Digest → client. */
  readonly #clients: ReadonlyMap<string, string>

  constructor({ in: place = DEFAULT_PLACE, keys }: ApiKeyConfig) {
    this.#place = place
    this.scheme = this.#isBearer() ? 'Bearer' : 'ApiKey'
    const pairs = Object.entries(keys).flatMap(([client, digests]) =>
      [digests].flat().map((one) => [one, client] as const),
    )
    this.#clients = new Map(pairs)
  }

  decide(request: KeyedRequest, edits: FieldEdits): Decision | undefined {
    const shown = this.#shown(request)
    if (shown === undefined) return undefined
    const client = shown.length > KEY_MAX ? undefined : this.#clients.get(digestOf(shown))
    if (client === undefined)
      throw new SkeinError('UNAUTHENTICATED', 'this API key is not known', { reason: 'api_key' })
    // The key has done its work: whoever sees the upstream's logs must not be able to use it. In cookie or query: hidden.ts.
    if (this.#place.startsWith('header:')) edits.drop(this.#place.slice('header:'.length).toLowerCase())
    return { identity: { subject: `key:${client}`, name: client } }
  }

  #shown(request: KeyedRequest): string | undefined {
    const value = hashKeyOf(this.#place, request)
    return this.#isBearer() ? value?.replace(/^Bearer +/i, '') : value
  }

  #isBearer(): boolean {
    return this.#place.toLowerCase() === 'header:authorization'
  }
}

function digestOf(key: string): string {
  return `sha256:${createHash('sha256').update(key, 'latin1').digest('hex')}`
}
