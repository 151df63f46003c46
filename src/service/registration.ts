/**
 * The instance's entry in the registry: registers, beats, registers again when the registry has forgotten it (restarted
 * empty, rolled back, reaped), and deregisters. The instance serves whether or not the registry is there.
 */
import { authority } from '../core/authority.ts'
import type { Clock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import type { Logger } from '../core/log.ts'
import { herdPause, type Random } from '../core/random.ts'
import type { ConsulClient } from '../discovery/consul-client.ts'
import { refusingText } from '../discovery/refusing.ts'
import { Lease } from './lease.ts'

/** A third of the TTL: two beats may get lost. */
const BEAT_MS = 3_000
const BEAT_TTL = '10s'
const BEAT_JITTER = 0.1
/** The registry removes what has been critical for so long: an instance that died without a word. */
const REMOVE_AFTER = '1m'
const REGISTER_TIMEOUT_MS = 2_000
/** Short, because a stopping instance waits for it. */
const DEREGISTER_TIMEOUT_MS = 1_000

export interface RegistrationOptions {
  readonly id: string
  readonly name: string
  readonly address: string
  readonly port: number
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  /** ≥ 1. */
  readonly weight: number
  /** How the registry itself looks: at a path on the instance's port, or whether the port is open. */
  readonly check: { readonly http: string } | { readonly tcp: true }
  /** Done after each registration: a registry that has lost the instance has lost this too. Tried again until it succeeds. */
  readonly publish?: ((signal: AbortSignal) => Promise<void>) | undefined
  /** Requests refused so far: how many a second is said with each beat, and shown by `skein ps`. */
  readonly refused?: (() => number) | undefined
  readonly consul: ConsulClient
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export interface Registration {
  /** Resolves after the first attempt, whether it succeeded or not. */
  readonly attempted: Promise<void>
  /** Ends the beat and removes the entry. Never rejects: an instance must be able to stop without its registry. Idempotent. */
  deregister(): Promise<void>
}

export function startRegistration(options: RegistrationOptions): Registration {
  const stop = new AbortController()
  const attempted = Promise.withResolvers<void>()
  const lease = new Lease({ ...options, instance: options.id, check: beatId(options.id) })
  const running = keepRegistered(options, lease, stop.signal, attempted.resolve)
  let ended: Promise<void> | undefined
  const end = async () => {
    stop.abort(new Error('deregistering'))
    await running
    await remove(options)
    lease.end()
  }
  return {
    attempted: attempted.promise,
    deregister() {
      ended ??= end()
      return ended
    },
  }
}

/**
 * Registers and beats until the signal. After any failure it registers anew instead of asking what the registry still
 * knows: an identical registration changes nothing.
 */
async function keepRegistered(
  options: RegistrationOptions,
  lease: Lease,
  signal: AbortSignal,
  attempted: () => void,
): Promise<void> {
  const { clock, random, log, consul } = options
  const publisher = new Publisher(options)
  const refusing = refusingSince(options)
  let registered = false
  let failures = 0
  while (!signal.aborted) {
    try {
      if (!registered) {
        await register(options)
        publisher.due = true
        lease.renew()
      }
      registered = await beat(options, refusingText(refusing()), signal)
      if (registered && failures > 0) log.info({ registry: consul.address }, 'registered again: the registry is back')
      if (registered) failures = 0
      if (registered) lease.hold()
    } catch (err) {
      registered = false
      // Once an outage, not once an attempt; a beat broken off by the end is no outage.
      if (failures++ === 0 && !signal.aborted) log.warn({ err, registry: consul.address }, 'not registered; trying on')
    }
    if (registered) await publisher.run(signal)
    attempted()
    if (registered) await rest(clock, BEAT_MS * (1 - BEAT_JITTER + 2 * BEAT_JITTER * random()), signal)
    // At most 9 s: below the TTL, so that an entry which could be renewed does not expire.
    else await rest(clock, herdPause(random, Math.max(0, failures - 1)), signal)
  }
}

/** What is published with a registration. Its failure is no reason to register again: the instance can be found and called. */
class Publisher {
  due = false
  readonly #options: RegistrationOptions
  #failed = false

  constructor(options: RegistrationOptions) {
    this.#options = options
  }

  /** Does it when it is due; below the beat, so that a store that hangs costs time but no lease. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    if (!this.due) return
    const { publish, log, consul } = this.#options
    try {
      await publish?.(signal)
      this.due = false
      this.#failed = false
    } catch (err) {
      // Once, not with each beat.
      if (!this.#failed && !signal.aborted) log.warn({ err, registry: consul.address }, 'not published; trying on')
      this.#failed = true
    }
  }
}

/** Never cut short by the end of the instance: an entry written after its removal would outlive it. */
async function register(options: RegistrationOptions): Promise<void> {
  const body = registrationBody(options)
  const answer = await options.consul.put('/v1/agent/service/register', body, { timeoutMs: REGISTER_TIMEOUT_MS })
  if (answer.status !== 200) {
    const message = `registry at ${options.consul.address} refuses ${options.id}: ${answer.status} ${answer.text.slice(0, 200)}`
    throw new SkeinError('REGISTRY_UNAVAILABLE', message, { instance: options.id })
  }
}

function registrationBody({ id, name, address, port, tags, meta, weight, check }: RegistrationOptions): object {
  const target = authority(address, port)
  const probe = 'http' in check ? { HTTP: `http://${target}${check.http}` } : { TCP: target }
  // "passing" from the start, because it registers when it listens; Consul's default would hide it until the first check.
  const common = { Status: 'passing', DeregisterCriticalServiceAfter: REMOVE_AFTER }
  return {
    ID: id,
    Name: name,
    Address: address,
    Port: port,
    Tags: tags,
    Meta: meta,
    Weights: { Passing: weight, Warning: 1 },
    Checks: [
      { CheckID: beatId(id), Name: 'beat', TTL: BEAT_TTL, ...common },
      { CheckID: `service:${id}:ready`, Name: 'ready', ...probe, Interval: '1s', Timeout: '1s', ...common },
    ],
  }
}

function beatId(id: string): string {
  return `service:${id}:beat`
}

/** Gives the requests a second that were refused since it was asked last. */
function refusingSince({ refused, clock }: RegistrationOptions): () => number {
  let before = { count: 0, at: clock.monotonic() }
  return () => {
    const now = { count: refused?.() ?? 0, at: clock.monotonic() }
    const perSecond = now.count === before.count ? 0 : (now.count - before.count) / ((now.at - before.at) / 1000)
    before = now
    return perSecond
  }
}

/** False when the registry does not know the instance. Also right after registering: re-registering keeps a check's old status. */
async function beat({ id, consul }: RegistrationOptions, note: string, signal: AbortSignal): Promise<boolean> {
  const query = note === '' ? '' : `?note=${encodeURIComponent(note)}`
  const path = `/v1/agent/check/pass/${encodeURIComponent(beatId(id))}${query}`
  const answer = await consul.put(path, undefined, { timeoutMs: REGISTER_TIMEOUT_MS, signal })
  if (answer.status === 200 || answer.status === 404) return answer.status === 200
  throw new SkeinError(
    'REGISTRY_UNAVAILABLE',
    `registry at ${consul.address} refuses the beat of ${id}: ${answer.status}`,
  )
}

/** Resolves after `ms` or when the signal is aborted. */
function rest(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      timer.cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.after(ms, done)
    signal.addEventListener('abort', done, { once: true })
  })
}

async function remove({ id, consul, log }: RegistrationOptions): Promise<void> {
  try {
    const path = `/v1/agent/service/deregister/${encodeURIComponent(id)}`
    await consul.put(path, undefined, { timeoutMs: DEREGISTER_TIMEOUT_MS })
  } catch (err) {
    log.warn(
      { err, registry: consul.address },
      'could not deregister; the registry will remove the entry by its checks',
    )
  }
}
