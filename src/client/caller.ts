/** The caller: one for a process, shared by typed calls, the fetch front and the gateway. */

import { Readable } from 'node:stream'
import type { Ejection } from '../balance/outlier.ts'
import { Cancel } from '../core/cancel.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { currentContext } from '../core/context.ts'
import { asSkeinError, SkeinError } from '../core/errors.ts'
import { type Logger, silentLogger } from '../core/log.ts'
import { type Random, systemRandom } from '../core/random.ts'
import { Timeouts } from '../core/timeouts.ts'
import type { Instance, Source } from '../discovery/contract.ts'
import { type Metrics, processMetrics } from '../telemetry/metrics.ts'
import type { Tracer } from '../telemetry/spans/tracer.ts'
import { openTracing, type Tracing } from '../telemetry/spans/tracing.ts'
import { clientMetrics } from '../telemetry/standard.ts'
import { type Call, type Handler, newAttempt, type Parts } from './call.ts'
import { beginLoad, endLoad } from './candidate.ts'
import type {
  Caller,
  CallPolicy,
  CandidateState,
  GuardState,
  Lease,
  OutboundRequest,
  OutboundResponse,
} from './contract.ts'
import { registrySilent } from './failure.ts'
import { guardState } from './guard-state.ts'
import { type Judged, judgeAndTell } from './judge.ts'
import { countPick, pickFacts } from './pick-facts.ts'
import { buildPipelines } from './pipeline.ts'
import { type Policies, resolvePolicy } from './policy.ts'
import { transportByProtocol } from './transport/by-protocol.ts'
import type { Transport } from './transport.ts'
import { Upstream } from './upstream.ts'

export interface CallerOptions {
  /** Stays the maker's: closing the caller does not close it. */
  readonly source: Source
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly log?: Logger | undefined
  readonly metrics?: Metrics | undefined
  /** What holds where a request says nothing. */
  readonly defaults?: CallPolicy | undefined
  readonly transport?: Transport | undefined
  /** Where this process runs: instances of the same zone are preferred, as far as they can carry it. Default none. */
  readonly zone?: string | undefined
  /** May small safe requests share a connection to instances that say they know how? Default true. */
  readonly pipelining?: boolean | undefined
  /** Records calls. Default: as OTEL_* in the environment say; false = nothing. */
  readonly tracer?: Tracer | false | undefined
  /** For several callers that are to know of the same instances what each of them has met. */
  readonly health?: SharedHealth | undefined
}

/** Carries what one caller has found out about an instance to others; undefined = it is back. */
export interface SharedHealth {
  tell(service: string, instance: string, ejection: Ejection | undefined): void
  onTold(listen: (service: string, instance: string, ejection: Ejection | undefined) => void): void
}

export function createCaller(options: CallerOptions): Caller {
  return new PipelineCaller(options)
}

class PipelineCaller implements Caller {
  readonly #source: Source
  readonly #defaults: CallPolicy
  readonly #parts: Parts
  readonly #zone: string | undefined
  readonly #pipelineFor: (policy: Policies) => Handler
  readonly #health: SharedHealth | undefined
  /** Its own, where it was given no tracer. */
  readonly #tracing: Tracing | undefined
  readonly #upstreams = new Map<string, Upstream>()

  constructor(options: CallerOptions) {
    const { clock = systemClock, random = systemRandom, log = silentLogger, pipelining } = options
    this.#source = options.source
    this.#defaults = options.defaults ?? {}
    this.#zone = options.zone
    const metrics = clientMetrics(options.metrics ?? processMetrics)
    const transport = options.transport ?? transportByProtocol({ clock, pipelining })
    this.#tracing = options.tracer === undefined ? openTracing(process.env, { log: options.log }) : undefined
    const tracer = options.tracer || this.#tracing?.tracer
    this.#parts = { clock, timeouts: new Timeouts(clock), random, log, metrics, transport, tracer }
    this.#pipelineFor = buildPipelines(this.#parts)
    this.#health = options.health
    this.#health?.onTold((service, instance, ejection) => this.#upstream(service).outlier.tell(instance, ejection))
  }

  /** `then` and not `await`, here and in the steps: an async function costs every request a promise and three turns more. */
  request(request: OutboundRequest): Promise<OutboundResponse> {
    try {
      const call = this.#begin(request)
      return this.#pipelineFor(call.policy)(call).then(
        (response) => {
          call.upstream.heard(response.instance.id, response.headers)
          return response
        },
        (thrown) => this.#failed(request, thrown),
      )
    } catch (thrown) {
      return this.#failed(request, thrown)
    }
  }

  #failed({ service }: OutboundRequest, thrown: unknown): Promise<never> {
    const error = thrown instanceof RangeError ? senseless(service, thrown) : asSkeinError(thrown)
    this.#parts.metrics.errors.with(service, error.code).value++
    return Promise.reject(error)
  }

  async lease(
    { service, hashKey, policy }: Pick<OutboundRequest, 'service' | 'hashKey' | 'policy'>,
    tried: readonly string[] = [],
  ): Promise<Lease> {
    const upstream = this.#upstream(service)
    const limits = resolvePolicy(policy, this.#defaults)
    if (!upstream.known) await this.#firstSnapshot(upstream, limits)
    const { candidate, chooser } = upstream.pick({ balance: limits.balance, hashKey, tried })
    countPick({ upstream, candidate, chooser }, this.#parts.metrics)
    // There is no call whose span could tell it.
    const span = currentContext()?.span
    span?.decide('pick', pickFacts({ upstream, tried, policy: limits }, candidate, chooser))
    beginLoad(candidate)
    let held = true
    return {
      instance: candidate.instance,
      release: (failed = false) => {
        if (!held) return
        held = false
        if (failed) blame({ upstream, candidate, verdict: 'connection', balance: limits.balance, span }, this.#parts)
        endLoad(candidate, undefined)
      },
    }
  }

  known(service: string): readonly Instance[] | Promise<readonly Instance[]> {
    const upstream = this.#upstream(service)
    if (upstream.known) return upstream.instances
    return this.#firstSnapshot(upstream, resolvePolicy(undefined, this.#defaults)).then(() => upstream.instances)
  }

  async inspect(service: string, policy?: CallPolicy): Promise<readonly CandidateState[]> {
    const upstream = this.#upstream(service)
    const limits = resolvePolicy(policy, this.#defaults)
    if (!upstream.known) await this.#firstSnapshot(upstream, limits)
    return upstream.inspect(limits.balance)
  }

  guards(service: string, policy?: CallPolicy): GuardState {
    const limits = resolvePolicy(policy, this.#defaults)
    return guardState(this.#upstream(service), limits, this.#parts.clock.monotonic())
  }

  async close(): Promise<void> {
    for (const upstream of this.#upstreams.values()) upstream.close()
    await this.#parts.transport.close()
    await this.#tracing?.close()
  }

  #begin(request: OutboundRequest): Call {
    // Who sends it hears why it failed; before that, and where it is never sent, nobody would, and it would end the process.
    if (request.body instanceof Readable) request.body.on('error', () => {})
    const policy = resolvePolicy(request.policy, this.#defaults)
    const context = request.context ?? currentContext()
    const startedAt = this.#parts.clock.monotonic()
    return {
      request,
      policy,
      upstream: this.#upstream(request.service),
      context,
      trace: undefined,
      span: undefined,
      startedAt,
      deadline: Math.min(
        startedAt + policy.deadlineMs - (request.waitedMs ?? 0),
        context?.deadline ?? Number.POSITIVE_INFINITY,
      ),
      cancel: new Cancel(),
      attempts: [],
      tried: [],
      attempt: newAttempt(0, false),
    }
  }

  #upstream(service: string): Upstream {
    let upstream = this.#upstreams.get(service)
    if (upstream === undefined) {
      const { clock, random, metrics } = this.#parts
      const stale = metrics.stale.with(service)
      const confirmed = metrics.confirmed.with(service)
      upstream = new Upstream({
        service,
        watch: this.#source.watch(service),
        clock,
        random,
        zone: this.#zone,
        onGone: (instance) => this.#forgetSeries(service, instance),
        onHealth: (instance, ejection) => this.#health?.tell(service, instance, ejection),
        onSnapshot: (snapshot) => {
          stale.value = snapshot.stale ? 1 : 0
          confirmed.value = (snapshot.confirmedAt ?? 0) / 1000
        },
      })
      this.#upstreams.set(service, upstream)
    }
    return upstream
  }

  async #firstSnapshot(upstream: Upstream, { deadlineMs }: Policies): Promise<void> {
    const stop = new AbortController()
    const timer = this.#parts.clock.after(deadlineMs, () => stop.abort(registrySilent(upstream.service)))
    try {
      await upstream.ready(stop.signal)
    } finally {
      timer.cancel()
    }
  }

  /** Instances come and go for ever; their series do not stay for ever. */
  #forgetSeries(service: string, instance: string): void {
    const { requests, duration, inFlight, picks, ejections, grpc } = this.#parts.metrics
    const theirs = (label: (name: string) => string) => label('service') === service && label('instance') === instance
    for (const metric of [requests, duration, inFlight, picks, ejections, grpc]) metric.removeWhere(theirs)
  }
}

/** Of a policy: nothing was sent, and it is for the caller to mend. */
function senseless(service: string, { message }: RangeError): SkeinError {
  return new SkeinError('INVALID_INPUT', `service "${service}": ${message}`, {
    service,
    issues: [{ path: 'policy', message }],
  })
}

/** A tunnel is no request that waits for an answer, so it is judged only when it has failed. */
function blame(judged: Judged, parts: Parts): void {
  const { upstream, candidate } = judged
  if (!upstream.holds(candidate)) return
  upstream.outlier.started(candidate.id)
  judgeAndTell(judged, parts)
}
