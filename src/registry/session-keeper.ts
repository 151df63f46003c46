/**
 * The clock of sessions and lock delays: ends sessions that were silent for twice their TTL, and delays that are over.
 * The state knows no time, so a start of the registry grants everybody a full TTL and a full delay anew.
 *
 * Where several registries share a store each of them keeps time for all. A renewal is a write there, which restarts
 * everybody's timer, and a session ends only if the store knows of no renewal that the timer did not. One of them is first to
 * write an end, the others a second later. Not chosen: leases of
 * the store, which would spare that write; the price of leases is that they count whole seconds from 2 on.
 */
import type { Timer } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import { parseDuration } from './api/duration.ts'
import type { CheckTools, RunningCheck } from './checks/contract.ts'
import { startTtl } from './checks/ttl.ts'
import { because } from './history/origin.ts'
import type { Command } from './state/commands.ts'
import { renewalsOf } from './state/decide-session.ts'
import type { Change, DelayBody, SessionBody } from './state/records.ts'

export interface KeeperOptions extends CheckTools {
  readonly log: Logger
}

/** Consul's floor of a session's TTL. */
export const SESSION_TTL_MIN_MS = 10_000

/** Consul's promise is "not before the TTL", and this is when it acts: clients reckon with it. */
const GRACE = 2
/** How soon a delay is ended again if the store refused to, and how long others wait for the registry whose turn it is. */
const RETRY_MS = 1000

interface Watched {
  readonly silence: RunningCheck
  renewals: number
  /** Runs while another registry should be ending it. */
  late: Timer | undefined
}

export class SessionKeeper {
  readonly #options: KeeperOptions
  readonly #sessions = new Map<string, Watched>()
  readonly #delays = new Map<string, Timer>()
  #forget: (() => void) | undefined

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  start(): void {
    const { store } = this.#options
    this.#forget = store.onChanges((changes) => this.#follow(changes))
    for (const session of store.state.sessions.values()) this.#watch(session)
    for (const delay of store.state.delays.values()) this.#delay(delay)
  }

  stop(): void {
    this.#forget?.()
    for (const id of [...this.#sessions.keys()]) this.#unwatch(id)
    for (const key of [...this.#delays.keys()]) this.#undelay(key)
  }

  /** False when there is no such session. */
  async renew(id: string): Promise<boolean> {
    const { store } = this.#options
    if (store.shared) return store.write({ type: 'session-renew', id })
    this.#sessions.get(id)?.silence.beat?.('')
    return store.state.sessions.has(id)
  }

  #follow(changes: readonly Change[]): void {
    for (const { kind, key, body } of changes) {
      if (kind === 'session') {
        if (body === null) this.#unwatch(key)
        else this.#watch(body)
      } else if (kind === 'delay') {
        if (body === null) this.#undelay(key)
        else this.#delay(body)
      }
    }
  }

  /** A session that is there already was renewed. */
  #watch(session: SessionBody): void {
    const known = this.#sessions.get(session.ID)
    if (known !== undefined) {
      known.renewals = renewalsOf(session)
      known.silence.beat?.('')
      known.late?.cancel()
      return
    }
    const ttlMs = session.TTL === '' ? 0 : parseDuration(session.TTL)
    if (ttlMs === 0) return
    const silence = startTtl({ ttlMs: ttlMs * GRACE }, '', () => this.#expire(session.ID), this.#options)
    this.#sessions.set(session.ID, { silence, renewals: renewalsOf(session), late: undefined })
  }

  #expire(id: string): void {
    const known = this.#sessions.get(id)
    if (known === undefined) return
    known.late?.cancel()
    if (this.#isOurTurn(id)) this.#endSession(id, known)
    else known.late = this.#options.clock.after(RETRY_MS, () => this.#endSession(id, known))
  }

  /** One registry of those that share a store writes the end; the others do it for one that is away. */
  #isOurTurn(id: string): boolean {
    return this.#options.store.sharing?.owns(id) !== false
  }

  #endSession(id: string, known: Watched): void {
    this.#options.log.info({ session: id }, 'a session was not renewed within twice its TTL: it ends')
    this.#write({ type: 'session-end', id, renewals: known.renewals })
  }

  #unwatch(id: string): void {
    const known = this.#sessions.get(id)
    known?.silence.stop()
    known?.late?.cancel()
    this.#sessions.delete(id)
  }

  #delay({ Key, Session, ms }: DelayBody): void {
    const { clock } = this.#options
    this.#undelay(Key)
    const end = (isOurTurn: boolean) => {
      this.#delays.set(
        Key,
        clock.after(RETRY_MS, () => end(true)),
      )
      if (isOurTurn) this.#write({ type: 'delay-end', key: Key, session: Session })
    }
    this.#delays.set(
      Key,
      clock.after(ms, () => end(this.#isOurTurn(Key))),
    )
  }

  #undelay(key: string): void {
    this.#delays.get(key)?.cancel()
    this.#delays.delete(key)
  }

  /** What fails is tried again: the timers go on until they hear that it is done. */
  #write(command: Command): void {
    because({ Cause: 'ttl' }, () => this.#options.store.write(command)).catch((err) => {
      this.#options.log.warn({ err, command }, 'the end of a session or lock delay could not be stored')
    })
  }
}
