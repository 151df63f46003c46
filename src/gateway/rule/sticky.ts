/**
 * The cookie of a sticky session: `tag.expiry.signature`. The tag stands for an instance of the service and tells nothing of it to who
 * has no key; the signature is over all of it, so nobody can choose an instance or prolong a session. A cookie of another service,
 * of another key, changed or too old is as good as none.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { BalanceConfig, StickyBalance } from '../../balance/balance-config.ts'
import { xxHash64 } from '../../balance/hash/xxhash64.ts'
import { cookieOf } from '../../core/cookie.ts'
import type { RawHeaders } from '../../core/headers.ts'
import { ConfigError, IssueList } from '../../core/issues.ts'
import type { Instance } from '../../discovery/contract.ts'
import { readSecret } from '../secret.ts'

const KEY_LEAST = 16
const TAG_LENGTH = 16
const SIGNATURE_LENGTH = 32
const COOKIE = /^([\w-]{16})\.([0-9a-z]{1,11})\.([\w-]{32})$/
/** No end but the browser's. */
const ENDLESS = 0

export interface Session {
  /** The instance's id. */
  readonly instance: string
  /** Signed by the key from before, or more than half over. */
  readonly isOld: boolean
}

export class Sticky {
  readonly #config: StickyBalance
  readonly #keys: readonly StickyKey[]

  /** @throws ConfigError where a key cannot be had or is too short; `key` is the route's. */
  constructor(config: StickyBalance, key: string) {
    const issues = new IssueList('gateway')
    const texts = config.keys.map((place, i) => {
      const at = `${key}.balance.keys[${i}]`
      const text = readSecret(place, at, issues)
      if (text === undefined || Buffer.byteLength(text) >= KEY_LEAST) return text ?? ''
      issues.add(at, `is shorter than ${KEY_LEAST} bytes`, 'Make one with `openssl rand -base64 32`.')
      return text
    })
    if (issues.issues.length > 0) throw new ConfigError(issues.issues)
    this.#config = config
    this.#keys = texts.map((text) => new StickyKey(text))
  }

  /** The user has given its cookie no name. */
  get namesCookie(): boolean {
    return this.#config.cookie === undefined
  }

  cookieName(service: string): string {
    return this.#config.cookie ?? `_skein_${(xxHash64(service).hi >>> 0).toString(16).padStart(8, '0')}`
  }

  /** The session that the client's cookie says, of those that are registered. `now` is wall-clock ms. */
  read(headers: RawHeaders, service: string, instances: readonly Instance[], now: number): Session | undefined {
    const parts = COOKIE.exec(cookieOf(headers, this.cookieName(service)) ?? '')
    if (parts === null) return undefined
    const [, tag, time, signature] = parts as unknown as [string, string, string, string]
    const key = this.#keys.find((one) => one.signed(service, tag, time, signature))
    const leftS = Number.parseInt(time, 36) - now / 1000
    const isTimed = this.#config.ttlS !== undefined
    if (key === undefined || (isTimed && leftS <= 0)) return undefined
    const instance = key.instanceOf(tag, service, instances)
    const isOld = key !== this.#keys[0] || (isTimed && leftS < this.#config.ttlS! / 2)
    return instance === undefined ? undefined : { instance, isOld }
  }

  /** A `Set-Cookie` for a session at this instance. */
  write(service: string, instance: string, now: number, overTls: boolean): string {
    const { ttlS, sameSite = 'Lax', secure = overTls, httpOnly = true } = this.#config
    const time = ttlS === undefined ? ENDLESS : Math.ceil(now / 1000) + ttlS
    const value = this.#keys[0]!.cookie(service, instance, time.toString(36))
    const flags = `${secure ? '; Secure' : ''}${httpOnly ? '; HttpOnly' : ''}`
    const age = ttlS === undefined ? '' : `; Max-Age=${ttlS}`
    return `${this.cookieName(service)}=${value}; Path=/${age}; SameSite=${sameSite}${flags}`
  }
}

class StickyKey {
  readonly #secret: string
  readonly #byTag = new WeakMap<readonly Instance[], Map<string, string>>()

  constructor(secret: string) {
    this.#secret = secret
  }

  cookie(service: string, instance: string, time: string): string {
    const tag = this.#tag(service, instance)
    return `${tag}.${time}.${this.#sign(service, tag, time)}`
  }

  signed(service: string, tag: string, time: string, signature: string): boolean {
    return timingSafeEqual(Buffer.from(this.#sign(service, tag, time)), Buffer.from(signature))
  }

  /** The tags of all instances are made once for each list. */
  instanceOf(tag: string, service: string, instances: readonly Instance[]): string | undefined {
    let byTag = this.#byTag.get(instances)
    if (byTag === undefined) {
      byTag = new Map(instances.map(({ id }) => [this.#tag(service, id), id]))
      this.#byTag.set(instances, byTag)
    }
    return byTag.get(tag)
  }

  #tag(service: string, instance: string): string {
    return this.#mac(['instance', service, instance]).slice(0, TAG_LENGTH)
  }

  #sign(service: string, tag: string, time: string): string {
    return this.#mac(['session', service, tag, time]).slice(0, SIGNATURE_LENGTH)
  }

  /** As JSON, so that no two different lists are the same text. */
  #mac(parts: readonly string[]): string {
    return createHmac('sha256', this.#secret).update(JSON.stringify(parts)).digest('base64url')
  }
}

/** Undefined where the policy is another. @throws ConfigError */
export function stickyOf(balance: BalanceConfig | undefined, key: string): Sticky | undefined {
  const isSticky = typeof balance === 'object' && balance.policy === 'sticky'
  return isSticky ? new Sticky(balance as StickyBalance, key) : undefined
}
