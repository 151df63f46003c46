/**
 * The clock of sessions and lock delays: ends sessions that were silent for twice their TTL, and delays that are over.
 * The state knows no time, so a start of the registry grants everybody a full TTL and a full delay anew.
 *
 * Where several registries share a store the store keeps the time of sessions (session-time.ts), which goes on when they
 * all die. Each of them sees a time that is over; one of them is first to write the end, the others a second later. Delays
 * are timed by each of them.
 */
import type { Timer } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import { parseDuration } from './api/duration.ts'
import type { CheckTools, RunningCheck } from './checks/contract.ts'
import { startTtl } from './checks/ttl.ts'
import { because } from './history/origin.ts'
import { GRACE } from './session-time.ts'
import type { Command } from './state/commands.ts'
import { renewalsOf } from './state/decide-session.ts'
import type { Change, DelayBody, SessionBody } from './state/records.ts'

export interface KeeperOptions extends CheckTools {
  readonly log: Logger
}

/** Consul's floor of a session's TTL. */
export const SESSION_TTL_MIN_MS = 10_000

/** How long a time that is over is doubted: another registry may know of a renewal. */
const DOUBT_MS = 1000
/** How soon it is tried again to bring back a session that was ended by mistake. */
const REVIVE_MS = 100
/** How soon a delay is ended again if the store refused to, and how long others wait for the registry whose turn it is. */
const RETRY_MS = 1000

interface Watched {
  /** Keeps the time where the store does not. */
  readonly silence: RunningCheck | undefined
  session: SessionBody
  /** Runs while the time is over and the session is not. */
  ending: Timer | undefined
}

export class SessionKeeper {
  readonly #options: KeeperOptions
  readonly #sessions = new Map<string, Watched>()
  /** Sessions that end step by step. */
  readonly #endings = new Map<string, Timer>()
  readonly #delays = new Map<string, Timer>()
  #forget: (() => void) | undefined

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  start(): void {
    const { store } = this.#options
    const forget = store.onChanges((changes) => this.#follow(changes))
    const leave = store.sessionTime?.start({
      onOver: (id) => this.#doubt(id),
      onMistake: (id) => this.#revive(id),
      onDoubt: () => this.#doubtAll(),
    })
    this.#forget = () => {
      forget()
      leave?.()
    }
    for (const session of store.state.sessions.values()) this.#watch(session)
    for (const id of store.state.endings.keys()) this.#finish(id)
    for (const delay of store.state.delays.values()) this.#delay(delay)
  }

  stop(): void {
    this.#forget?.()
    for (const id of [...this.#sessions.keys(), ...this.#endings.keys()]) this.#unwatch(id)
    for (const key of [...this.#delays.keys()]) this.#undelay(key)
  }

  /** False when there is no such session. */
  async renew(id: string): Promise<boolean> {
    const { state, sessionTime } = this.#options.store
    const session = state.sessions.get(id)
    if (session !== undefined && sessionTime !== undefined) return sessionTime.renew(session)
    this.#sessions.get(id)?.silence?.beat?.('')
    return session !== undefined
  }

  #follow(changes: readonly Change[]): void {
    for (const { kind, key, body } of changes) {
      if (kind === 'session') {
        if (body === null) this.#unwatch(key)
        else if (body.ending === true) this.#finish(key)
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
      known.session = session
      known.silence?.beat?.('')
    } else {
      const ttlMs = session.TTL === '' ? 0 : parseDuration(session.TTL)
      if (ttlMs === 0) return
      this.#sessions.set(session.ID, { silence: this.#keepTime(session.ID, ttlMs), session, ending: undefined })
    }
    this.#doubt(session.ID)
  }

  #keepTime(id: string, ttlMs: number): RunningCheck | undefined {
    if (this.#options.store.sessionTime !== undefined) return undefined
    return startTtl({ ttlMs: ttlMs * GRACE }, '', () => this.#end(id), this.#options)
  }

  #doubtAll(): void {
    for (const id of this.#sessions.keys()) this.#doubt(id)
  }

  /** Ends the session some time after its time was over, unless that turns out to be a mistake. */
  #doubt(id: string): void {
    const known = this.#sessions.get(id)
    known?.ending?.cancel()
    if (known === undefined || this.#options.store.sessionTime?.isRunning(id) !== false) return
    const { clock, store } = this.#options
    const end = () => {
      if (store.sessionTime?.isRunning(id) !== false) return
      known.ending = clock.after(RETRY_MS, end)
      this.#end(id)
    }
    known.ending = clock.after(this.#isOurTurn(id) ? DOUBT_MS : DOUBT_MS + RETRY_MS, end)
  }

  /** Quickly, before the others end it; the store may just be without a leader. */
  #revive(id: string): void {
    const { clock } = this.#options
    this.#write({ type: 'session-renew', id }).then((done) => {
      const known = this.#sessions.get(id)
      if (done || known === undefined) return
      known.ending?.cancel()
      known.ending = clock.after(REVIVE_MS, () => this.#revive(id))
    })
  }

  /** One registry of those that share a store is the first to write an end; the others do it for one that is away. */
  #isOurTurn(id: string): boolean {
    return this.#options.store.sharing?.owns(id) !== false
  }

  #end(id: string): void {
    const known = this.#sessions.get(id)
    if (known === undefined) return
    this.#options.log.info({ session: id }, 'a session was not renewed within twice its TTL: it ends')
    this.#write({ type: 'session-end', id, renewals: renewalsOf(known.session) })
  }

  /** Takes one step after the other until the session is gone; goes on when the store refused one. */
  #finish(id: string): void {
    const { clock, store } = this.#options
    this.#unwatch(id)
    const step = () => {
      this.#endings.set(id, clock.after(RETRY_MS, step))
      this.#write({ type: 'session-end', id }).then((done) => {
        const next = this.#endings.get(id)
        if (!done || next === undefined || !store.state.endings.has(id)) return
        next.cancel()
        step()
      })
    }
    this.#endings.set(id, clock.after(this.#isOurTurn(id) ? 0 : DOUBT_MS, step))
  }

  #unwatch(id: string): void {
    const known = this.#sessions.get(id)
    known?.silence?.stop()
    known?.ending?.cancel()
    this.#sessions.delete(id)
    this.#endings.get(id)?.cancel()
    this.#endings.delete(id)
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

  /** True when it is done. What fails is tried again: the timers go on until they hear that it is. */
  #write(command: Command): Promise<boolean> {
    return because({ Cause: 'ttl' }, () => this.#options.store.write(command)).catch((err) => {
      this.#options.log.warn({ err, command }, 'the end of a session or lock delay could not be stored')
      return false
    })
  }
}
