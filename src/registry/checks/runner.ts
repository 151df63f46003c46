/**
 * Keeps the checks of the registry's own node running: starts, replaces and stops them as their records come and go,
 * stores changed statuses, and removes services that have been critical for too long. Where several registries share a
 * store each runs the checks that it owns (sharing.ts); what it takes over starts anew, with a full TTL and a full
 * DeregisterCriticalServiceAfter.
 */
import type { Clock, Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import { because } from '../history/origin.ts'
import type { RegistryMetrics } from '../metrics.ts'
import type { Change, CheckBody, CheckDefinition, CheckRecord, Status } from '../state/records.ts'
import { onNode } from '../state/records.ts'
import type { Store } from '../store.ts'
import type { CheckResult, RunningCheck } from './contract.ts'
import { BEATEN, CHECK_KINDS } from './kinds.ts'
import { cutOutput } from './output.ts'
import { afterRunning } from './standstill.ts'
import { type Counters, judge, startCounters } from './thresholds.ts'

export interface RunnerOptions {
  readonly store: Store
  readonly node: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly counters: RegistryMetrics
  /** Floor of DeregisterCriticalServiceAfter, default one minute as in Consul. */
  readonly deregisterMinMs?: number | undefined
}

const DEREGISTER_MIN_MS = 60_000

interface Job {
  readonly type: string
  readonly definition: CheckDefinition
  readonly running: RunningCheck
  counters: Counters
  /** Set while the check is critical and its service is to be removed for it. */
  removal: Timer | undefined
}

export class CheckRunner {
  readonly #options: RunnerOptions
  readonly #jobs = new Map<string, Job>()
  #forget: (() => void) | undefined

  constructor(options: RunnerOptions) {
    this.#options = options
  }

  /** Starts what is there and follows every change from now on. */
  start(): void {
    const { store, node } = this.#options
    const forget = store.onChanges((changes) => this.#follow(changes))
    const ensureAll = () => {
      for (const check of store.state.checksOnNode.get(node).values()) this.#ensure(check)
    }
    const leave = store.sharing?.start({
      onShift: ensureAll,
      onBeat: (checkId) => this.#heard(checkId),
      onDoubt: () => this.#heardAll(),
    })
    this.#forget = () => {
      forget()
      leave?.()
    }
    ensureAll()
  }

  stop(): void {
    this.#forget?.()
    for (const id of [...this.#jobs.keys()]) this.#end(id)
  }

  /** True for a check that waits for beats. */
  hasTtl(checkId: string): boolean {
    const check = this.#check(checkId)
    return check?.Type === BEATEN && check.definition !== undefined
  }

  /**
   * The client's word on a TTL check: restarts the timer and stores what changed, in a store shared with others since they
   * wrote. A beat that passes is not worth the question: the next one says the same.
   */
  async beat(checkId: string, status: Status, output: string): Promise<void> {
    const cut = cutOutput(output, this.#check(checkId)?.definition?.outputMaxSize)
    this.#heard(checkId, cut)
    if (!this.#jobs.has(checkId)) this.#options.store.sharing?.passOn(checkId)
    if (status !== 'passing') await this.#options.store.catchUp()
    await this.#show(checkId, status, cut)
  }

  /** The instance of this TTL check has gone; it is critical until its next beat. */
  async lose(checkId: string, output: string): Promise<void> {
    if (this.hasTtl(checkId)) await this.#show(checkId, 'critical', output)
  }

  /** A service was registered again: its TTL checks have a full TTL from now. */
  renew(checkIds: readonly string[]): void {
    for (const id of checkIds) {
      if (this.#jobs.has(id)) this.#heard(id)
      else if (this.hasTtl(id)) this.#options.store.sharing?.passOn(id)
    }
  }

  #heard(checkId: string, output = this.#check(checkId)?.Output ?? ''): void {
    this.#jobs.get(checkId)?.running.beat?.(output)
  }

  #heardAll(): void {
    for (const id of this.#jobs.keys()) this.#heard(id)
  }

  #follow(changes: readonly Change[]): void {
    const { node } = this.#options
    for (const { kind, key, body } of changes) {
      if (kind !== 'check' || !key.startsWith(`${node}\n`)) continue
      if (body === null) this.#end(key.slice(node.length + 1))
      else this.#ensure(body)
    }
  }

  /** A check whose definition stayed goes on as it is: a new status is no reason to start over. */
  #ensure(check: CheckBody): void {
    if (this.#options.store.sharing?.owns(check.CheckID) === false) this.#end(check.CheckID)
    else this.#keep(check)
  }

  #keep(check: CheckBody): void {
    const known = this.#jobs.get(check.CheckID)
    const definition = check.definition ?? {}
    if (known === undefined || JSON.stringify(known.definition) !== JSON.stringify(definition)) {
      this.#end(check.CheckID)
      this.#begin(check, definition)
    }
    this.#watchRemoval(check)
  }

  #begin(check: CheckBody, definition: CheckDefinition): void {
    const start = CHECK_KINDS[check.Type]
    if (start === undefined || check.definition === undefined) return
    const lag = check.Type === BEATEN ? (this.#options.store.sharing?.beatLagMs ?? 0) : 0
    const patient = lag === 0 ? definition : { ...definition, ttlMs: (definition.ttlMs ?? 0) + lag }
    const running = start(patient, check.Output, (result) => this.#take(check.CheckID, result), this.#options)
    const counters = startCounters(definition)
    this.#jobs.set(check.CheckID, { type: check.Type, definition, running, counters, removal: undefined })
  }

  #end(checkId: string): void {
    const job = this.#jobs.get(checkId)
    job?.running.stop()
    job?.removal?.cancel()
    this.#jobs.delete(checkId)
  }

  #take(checkId: string, result: CheckResult): void {
    const job = this.#jobs.get(checkId)
    if (job === undefined) return
    // Whoever took over while we were frozen knows better.
    if (this.#options.store.sharing?.owns(checkId) === false) return
    // Beats may be under way to us through a store that does not answer: their absence says nothing.
    if (job.type === BEATEN && this.#options.store.sharing?.inTouch === false) return
    this.#options.counters.checkResults.with(job.type, result.status).value++
    const { counters, status } = judge(job.definition, job.counters, result.status)
    job.counters = counters
    const shown = status ?? this.#current(checkId)
    if (shown === undefined) return
    const output = cutOutput(result.output, job.definition.outputMaxSize)
    const Cause = job.type === BEATEN ? 'ttl' : 'check'
    because({ Cause }, () => this.#show(checkId, shown, output)).catch((error) => {
      this.#options.log.error(
        { err: error, check: checkId },
        'check result could not be stored; the next run tries again',
      )
    })
  }

  /** A changed status is stored, with its output; an output alone is only shown. */
  async #show(checkId: string, status: Status, output: string): Promise<void> {
    const { store, node } = this.#options
    if (this.#current(checkId) === status) return store.showOutput(node, checkId, output)
    await store.write({ type: 'set-status', node, checkId, status, output })
  }

  #current(checkId: string): Status | undefined {
    return this.#check(checkId)?.Status
  }

  #check(checkId: string): CheckRecord | undefined {
    const { store, node } = this.#options
    return store.state.checks.get(onNode(node, checkId))
  }

  /** Counts from the moment the check became critical. */
  #watchRemoval(check: CheckBody): void {
    const job = this.#jobs.get(check.CheckID)
    const after = job?.definition.deregisterAfterMs
    if (job === undefined || after === undefined || check.ServiceID === '') return
    if (check.Status !== 'critical') {
      job.removal?.cancel()
      job.removal = undefined
    } else if (job.removal === undefined) {
      const { clock, deregisterMinMs = DEREGISTER_MIN_MS } = this.#options
      job.removal = afterRunning(clock, Math.max(after, deregisterMinMs), () => this.#remove(check, job))
    }
  }

  /** A job that is no longer counted for this removal, the service having recovered meanwhile, is left alone. */
  #remove(check: CheckBody, job: Job): void {
    const { CheckID: checkId, ServiceID: serviceId, ServiceName: service } = check
    const { store, node, log, clock } = this.#options
    const { removal } = job
    log.info({ service, serviceId, check: checkId }, 'deregistering a service that has been critical for too long')
    const command = { type: 'deregister', node, serviceId, ifCritical: checkId } as const
    because({ Cause: 'reaper' }, () => store.write(command)).catch((error) => {
      log.error({ err: error, serviceId }, 'a critical service could not be deregistered; trying again in a minute')
      if (job.removal !== removal || this.#jobs.get(checkId) !== job) return
      job.removal = clock.after(DEREGISTER_MIN_MS, () => this.#remove(check, job))
    })
  }
}
