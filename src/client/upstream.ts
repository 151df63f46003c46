/** What one caller knows of one service: who is there, how loaded and how healthy each is, and by which policies it chooses. */

import type { BalanceConfig } from '../balance/balance-config.ts'
import type { Endpoint, Policy } from '../balance/contract.ts'
import { everyone } from '../balance/eligible.ts'
import { LOADS, type LoadName } from '../balance/loads.ts'
import { LOAD_REPORT_HEADER, reportedUtilisation } from '../balance/orca.ts'
import { createOutlier, type Outlier, type OutlierOptions } from '../balance/outlier.ts'
import { createPolicy, parseBalance } from '../balance/policies.ts'
import { createRetryBudget, type RetryBudget } from '../balance/retry-budget.ts'
import type { ScopeOptions } from '../balance/scope-options.ts'
import { dropOldest } from '../core/bounded.ts'
import type { Clock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import { header, type RawHeaders } from '../core/headers.ts'
import type { Random } from '../core/random.ts'
import type { Instance, Snapshot, Watch } from '../discovery/contract.ts'
import { type Candidate, type CandidateEndpoint, eachLoad, keepEndpoints, noEndpoints } from './candidate.ts'
import { Circuits, WORDINGS_MAX } from './circuit.ts'
import { Compartment } from './compartment.ts'
import type { CandidateState } from './contract.ts'
import { offerOf, whyNotOffered } from './offer.ts'
import { protocolOfInstance } from './protocol.ts'
import { Refusals } from './refusals.ts'

/** A policy with the metric it compares and the list it chooses from. */
export interface Chooser {
  readonly policy: Policy
  readonly load: LoadName
  /** Sessions stay with instances that get nothing new. */
  readonly isSticky: boolean
  /** What narrows the choice before it. */
  readonly scopes: ScopeOptions | undefined
}

export interface PickOptions {
  readonly balance: BalanceConfig | undefined
  readonly hashKey: string | undefined
  readonly tried: readonly string[]
  /** Who can serve the request at all; absent = all. Stands above all else while anyone can. */
  readonly able?: ((id: string) => boolean) | undefined
}

export interface UpstreamOptions {
  readonly service: string
  readonly watch: Watch
  readonly clock: Clock
  readonly random: Random
  /** Of this process; see `ScopeOptions.zone`. */
  readonly zone?: string | undefined
  /** Called for each instance that has gone. */
  readonly onGone: (instance: string) => void
  /** Called with each snapshot: whether the registry confirms it, and since when not. */
  readonly onSnapshot: (snapshot: Snapshot) => void
  /** Called when an instance is ejected, or is back, by what this caller's own requests met. */
  readonly onHealth?: OutlierOptions['onChange']
}

export class Upstream {
  readonly service: string
  readonly outlier: Outlier
  readonly budget: RetryBudget = createRetryBudget()
  readonly refusals: Refusals
  /** Of the calls that pass through a circuit or a bulkhead: one for all of them, whatever else each passes through. */
  readonly circuits = new Circuits()
  readonly compartment = new Compartment()
  readonly #clock: Clock
  readonly #random: Random
  readonly #zone: string | undefined
  readonly #watch: Watch
  readonly #onGone: (instance: string) => void
  readonly #onSnapshot: (snapshot: Snapshot) => void
  readonly #choosers = new Map<string, Chooser>()
  /** Spares each request the wording of its route's object. */
  readonly #byObject = new WeakMap<object, Chooser>()
  readonly #unsubscribe: () => void
  readonly #closed = new AbortController()
  /** Some policy compares what instances report of themselves. */
  #readsReports = false
  #candidates = new Map<string, Candidate>()
  /** Those that may be chosen, as each metric's endpoints. Replaced only when members or weights change. */
  #endpoints = noEndpoints()
  /** Who is not out, by the outlier's version. */
  #in: { readonly version: number; readonly eligible: (endpoint: Endpoint) => boolean } = {
    version: -1,
    eligible: everyone,
  }
  /** With those of weight 0, where there are some: for sessions that are there. */
  #bindable = this.#endpoints
  /** Those that the registry calls critical, where it does not say so of all. */
  #reserve = noEndpoints()

  constructor(options: UpstreamOptions) {
    this.service = options.service
    this.#clock = options.clock
    this.#random = options.random
    this.#zone = options.zone
    this.#watch = options.watch
    this.#onGone = options.onGone
    this.#onSnapshot = options.onSnapshot
    this.refusals = new Refusals(options.clock)
    this.outlier = createOutlier({ clock: options.clock, onChange: options.onHealth })
    this.#unsubscribe = options.watch.subscribe((snapshot) => this.#update(snapshot))
    const current = options.watch.current()
    if (current !== undefined) this.#update(current)
  }

  /** False before the registry's first word. */
  get known(): boolean {
    return this.#watch.current() !== undefined
  }

  /** How many may be chosen. */
  get size(): number {
    return this.#endpoints['in-flight'].length
  }

  /** All that are registered. */
  get instances(): readonly Instance[] {
    return this.#watch.current()?.instances ?? []
  }

  /** Hashes of the contracts that instances serve; undefined is one for those that name none. Few, where instances may be many. */
  contracts: readonly (string | undefined)[] = []

  /** False once an instance has gone. */
  has(id: string): boolean {
    return this.#candidates.has(id)
  }

  /** False once it has gone, or its ID is at another address: what it still does is no word about who is there now. */
  holds(candidate: Candidate): boolean {
    return this.#candidates.get(candidate.id) === candidate
  }

  /** Rejects with the signal's reason, or when this is closed before. */
  ready(signal: AbortSignal): Promise<Snapshot> {
    return this.#watch.ready(AbortSignal.any([signal, this.#closed.signal]))
  }

  close(): void {
    this.#unsubscribe()
    this.#closed.abort(new SkeinError('CANCELLED', `service "${this.service}": the client is closed`))
  }

  /**
   * Narrows to those not tried and not ejected and lets the policy pick. When none is left, those tried come back in, then those that only
   * the registry speaks against, then the ejected: a bad chance is better than none, and an answer brings an instance back.
   * @throws SkeinError NO_INSTANCES when there is none at all.
   */
  pick(options: PickOptions): { candidate: Candidate; chooser: Chooser } {
    const chooser = this.chooser(options.balance)
    const picked = this.#pickInHealth(chooser, options) ?? this.#pickOfTheLeft(chooser, options)
    if (picked === undefined) throw this.#nobody()
    return { candidate: picked.candidate, chooser }
  }

  /** Nearly all picks: nobody was tried, and the same ones are out as at the pick before, or nobody: then there is nothing to ask of each. */
  #pickInHealth(chooser: Chooser, { hashKey, tried, able }: PickOptions): CandidateEndpoint | undefined {
    if (tried.length > 0 || able !== undefined) return undefined
    const now = this.#clock.monotonic()
    const healthy = this.#healthy(now)
    const eligible = healthy === everyone ? undefined : healthy
    return chooser.policy.pick(this.#endpointsOf(chooser), { hashKey, now, eligible })
  }

  /** The same function for as long as it says the same. */
  #healthy(now: number): (endpoint: Endpoint) => boolean {
    if (this.outlier.allIn(now)) return everyone
    const version = this.outlier.version(now)
    if (version !== this.#in.version) this.#in = { version, eligible: ({ id }) => this.outlier.eligible(id, now) }
    return this.#in.eligible
  }

  #pickOfTheLeft(chooser: Chooser, { hashKey, tried, able }: PickOptions): CandidateEndpoint | undefined {
    const allowed = this.#allowed()
    const endpoints = this.#endpointsOf(chooser)
    const reserve = this.#reserve[chooser.load]
    const healthy = this.#healthy(this.#clock.monotonic())
    const eligibleInPanic = ({ id }: Endpoint) => !tried.includes(id) && (able === undefined || able(id))
    const pick = (eligible?: (id: string) => boolean, from = endpoints) =>
      chooser.policy.pick(from, {
        hashKey,
        eligible: eligible && (({ id }) => eligible(id)),
        healthy,
        eligibleInPanic,
      })
    const among: typeof pick =
      able === undefined ? pick : (eligible = every, from) => pick((id) => able(id) && eligible(id), from)
    const untried = (id: string) => !tried.includes(id)
    const isFree = (id: string) => untried(id) && allowed(id)
    return (
      among(isFree) ??
      (tried.length === 0 ? undefined : among(allowed)) ??
      (reserve.length === 0 ? undefined : among(isFree, reserve)) ??
      (tried.length === 0 ? undefined : among(untried)) ??
      among() ??
      pick()
    )
  }

  /** True when this instance is out while another is in: then its failure is its own and not that of too much load. */
  isolated(id: string): boolean {
    return !this.#allowed()(id) && this.othersIn(id)
  }

  /** True when an instance besides this one may be chosen. */
  othersIn(id: string): boolean {
    const allowed = this.#allowed()
    return this.#endpoints['in-flight'].some((endpoint) => endpoint.id !== id && allowed(endpoint.id))
  }

  /** True when an instance that was not tried can serve the request, may be chosen and has not just refused something itself. */
  hasRoom(tried: readonly string[], able: (id: string) => boolean = every): boolean {
    const allowed = this.#allowed()
    const isFree = (id: string) => !tried.includes(id) && able(id) && allowed(id) && !this.refusals.has(id)
    return this.#endpoints['in-flight'].some(({ id }) => isFree(id))
  }

  /** The policy object of a `balance`: one for each different wording, so that its cursor or table is kept; of very many the newest. */
  chooser(balance: BalanceConfig = 'p2c'): Chooser {
    if (typeof balance === 'string') return this.#worded(balance, balance)
    let chooser = this.#byObject.get(balance)
    if (chooser === undefined) {
      const isPlain = typeof balance === 'object' && typeof balance.policy !== 'function'
      chooser = isPlain ? this.#worded(JSON.stringify(balance), balance) : this.#create(balance)
      this.#byObject.set(balance, chooser)
    }
    return chooser
  }

  #worded(wording: string, balance: BalanceConfig): Chooser {
    let chooser = this.#choosers.get(wording)
    if (chooser === undefined) {
      chooser = this.#create(balance)
      this.#choosers.set(wording, chooser)
      dropOldest(this.#choosers, WORDINGS_MAX)
    }
    return chooser
  }

  #create(balance: BalanceConfig): Chooser {
    const parsed = parseBalance(balance, this.#zone)
    this.#readsReports ||= parsed.load === 'utilisation'
    const policy = createPolicy(parsed, { random: this.#random, clock: this.#clock })
    return { policy, load: parsed.load, isSticky: parsed.policy === 'sticky', scopes: parsed.scopes }
  }

  /** Whom a policy chooses from. */
  #endpointsOf({ load, isSticky }: Chooser): readonly CandidateEndpoint[] {
    return (isSticky ? this.#bindable : this.#endpoints)[load]
  }

  /** An answer of this instance has come; it may say how busy the instance is. */
  heard(id: string, headers: RawHeaders): void {
    const report = this.#readsReports ? header(headers, LOAD_REPORT_HEADER) : undefined
    const used = report === undefined ? undefined : reportedUtilisation(report)
    if (used !== undefined) this.#candidates.get(id)?.loads.utilisation.report?.(used)
  }

  /** Of all that may be chosen; within other scopes `panic` counts fewer, and may hold in one of them only. */
  panics(balance: BalanceConfig | undefined): boolean {
    const allowed = this.#allowed()
    const all = this.#endpointsOf(this.chooser(balance))
    const left = all.filter(({ id }) => allowed(id)).length
    const { panic = 0 } = this.chooser(balance).scopes ?? {}
    const nobody = left === 0 && !this.#reserve['in-flight'].some(({ id }) => allowed(id))
    return all.length > 0 && (nobody || left * 100 < panic * all.length)
  }

  inspect(balance: BalanceConfig | undefined): CandidateState[] {
    const { load, policy } = this.chooser(balance)
    const allowed = this.#allowed()
    const healthy = ({ id }: Endpoint) => allowed(id)
    const outside = policy.outside?.(this.#endpoints[load], { eligible: healthy })
    const offered = new Set(this.#endpoints[load].map(({ id }) => id))
    const isReserveAsked = !this.#endpoints[load].some(healthy)
    const reserve = new Set(isReserveAsked ? this.#reserve[load].map(({ id }) => id) : [])
    const { confirmedAt } = this.#watch.current() ?? {}
    const age = confirmedAt === undefined ? {} : { confirmedAt }
    return [...this.#candidates.values()].map(({ id, instance, loads, protocol: spoken }) => {
      const judged = this.outlier.state(id)
      const isAsked = offered.has(id) ? outside?.has(id) !== true : reserve.has(id)
      const eligible = isAsked && judged.eligible
      const reason = offered.has(id)
        ? (judged.reason ?? outside?.get(id) ?? this.refusals.reason(id))
        : whyNotOffered(instance)
      const { inFlight } = loads[load]
      const protocol = spoken === 'http/1.1' ? undefined : spoken
      const state = { instance, inFlight, cost: loads[load].cost(), eligible, ...age }
      return { ...state, ...(reason !== undefined && { reason }), ...(protocol && { protocol }) }
    })
  }

  #allowed(): (id: string) => boolean {
    const now = this.#clock.monotonic()
    return (id) => this.outlier.eligible(id, now)
  }

  #update(snapshot: Snapshot): void {
    this.#onSnapshot(snapshot)
    const before = this.#candidates
    this.contracts = [...new Set(snapshot.instances.map(({ meta }) => meta.contract))]
    this.#candidates = new Map(snapshot.instances.map((instance) => [instance.id, this.#candidate(instance)]))
    this.#forgetMoved(before)
    this.outlier.retain(this.#candidates.keys())
    this.refusals.retain(this.#candidates)
    for (const id of before.keys()) if (!this.#candidates.has(id)) this.#onGone(id)
    const { offered, reserve, leaving } = offerOf([...this.#candidates.values()])
    this.#endpoints = keepEndpoints(this.#endpoints, offered)
    this.#reserve = keepEndpoints(this.#reserve, reserve)
    this.#bindable = leaving.length === 0 ? this.#endpoints : keepEndpoints(this.#bindable, [...offered, ...leaving])
  }

  /** What was learnt at an address does not go along to the next one. */
  #forgetMoved(before: ReadonlyMap<string, Candidate>): void {
    const stayed = [...this.#candidates].filter(([id, candidate]) => (before.get(id) ?? candidate) === candidate)
    if (stayed.length === this.#candidates.size) return
    const known = new Map(stayed)
    this.outlier.retain(known.keys())
    this.refusals.retain(known)
  }

  #candidate(instance: Instance): Candidate {
    const key = `${instance.address}:${instance.port}`
    const known = this.#candidates.get(instance.id)
    if (known?.key === key) {
      if (known.instance !== instance) known.protocol = protocolOfInstance(instance)
      known.instance = instance
      return known
    }
    const loads = eachLoad((load) => LOADS[load]({ clock: this.#clock }))
    return { id: instance.id, key, instance, protocol: protocolOfInstance(instance), loads, ejected: false }
  }

  #nobody(): SkeinError {
    const registered = this.#candidates.size
    const outside = this.size > 0 && `none of ${registered} instances is one that "balance" allows`
    const why = registered === 0 ? 'no instance is registered' : outside || `all ${registered} instances have weight 0`
    return new SkeinError('NO_INSTANCES', `service "${this.service}": ${why}`, { service: this.service })
  }
}

const every: (id: string) => boolean = () => true
