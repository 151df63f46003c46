/**
 * An issuer's public keys, fetched from its JWKS address when first needed and again when they grow old or a token names one
 * that is not there: issuers change keys by adding the new one first. While the issuer is away the last good keys go on.
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWSHeaderParameters } from 'jose'
import type { Clock } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { boundedFetch } from './bounded-fetch.ts'

/** Older keys are fetched again in the background. */
const FRESH_MS = 600_000
/** So often at most, whatever tokens name: each could name another unknown key. */
const COOLDOWN_MS = 10_000
const TIMEOUT_MS = 3_000
const BYTES_MAX = 256 * 1024

type Resolver = ReturnType<typeof createLocalJWKSet>

export class KeySet {
  readonly #url: string
  readonly #clock: Clock
  readonly #log: Logger
  readonly #onChange: () => void
  #text = ''
  #keys: Resolver | undefined
  #fetchedAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  #loading: Promise<void> | undefined

  /** `onChange` is called when keys other than the known ones have come. */
  constructor(url: string, { clock, log }: { readonly clock: Clock; readonly log: Logger }, onChange: () => void) {
    this.#url = url
    this.#clock = clock
    this.#log = log
    this.#onChange = onChange
  }

  /** The key for a token. @throws what jose throws when there is none, SkeinError UNREACHABLE when no keys are to be had. */
  async resolve(head: JWSHeaderParameters): ReturnType<Resolver> {
    if (this.#keys === undefined) await this.#load()
    else if (this.#age(this.#fetchedAt) > FRESH_MS) void this.#load()
    try {
      return await this.#known()(head)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await this.#load())) throw error
      return this.#known()(head)
    }
  }

  #known(): Resolver {
    if (this.#keys !== undefined) return this.#keys
    const message = "the keys of the token's issuer cannot be fetched now"
    throw new SkeinError('UNREACHABLE', message, { reason: 'jwks_unavailable' })
  }

  #age(at: number): number {
    return this.#clock.monotonic() - at
  }

  /** False when it was tried a moment ago. Never rejects. */
  async #load(): Promise<boolean> {
    if (this.#loading === undefined) {
      if (this.#age(this.#triedAt) < COOLDOWN_MS) return false
      this.#triedAt = this.#clock.monotonic()
      this.#loading = this.#fetch().finally(() => {
        this.#loading = undefined
      })
    }
    await this.#loading
    return true
  }

  async #fetch(): Promise<void> {
    try {
      const init = { headers: { accept: 'application/json' } }
      const answer = await boundedFetch(this.#url, init, { clock: this.#clock, ms: TIMEOUT_MS, bytes: BYTES_MAX })
      if (answer.status !== 200) throw new Error(`status ${answer.status}`)
      this.#take(await answer.text())
      this.#fetchedAt = this.#clock.monotonic()
    } catch (err) {
      this.#log.warn({ err, jwks: this.#url }, 'the keys of an issuer could not be fetched; those known go on')
    }
  }

  #take(text: string): void {
    const keys = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet)
    if (text === this.#text) return
    this.#keys = keys
    this.#text = text
    this.#onChange()
  }
}
