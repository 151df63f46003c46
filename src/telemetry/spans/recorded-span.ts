import type { Decision } from '../../core/decisions.ts'
import type { Attributes, AttributeValue, Span, SpanKind } from '../../core/span.ts'
import { newId } from '../ids.ts'
import type { FinishedSpan, SpanEvent, SpanSink, SpanStatus } from './contract.ts'
import type { SpanClock } from './span-clock.ts'

/** OpenTelemetry's default limits: a span that loops must not eat the memory. */
const ATTRIBUTES_MAX = 128
const EVENTS_MAX = 128

export interface SpanOptions {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly hasRemoteParent: boolean
  readonly traceFlags: number
  readonly traceState: string | undefined
  readonly name: string
  readonly kind: SpanKind
  readonly sink: SpanSink
  readonly clock: SpanClock
  /** Of the clock, for this span and those below. */
  readonly offset: number
}

/** A span under way; once ended it is what the sink was given. */
export class RecordedSpan implements Span, FinishedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly hasRemoteParent: boolean
  readonly traceFlags: number
  readonly traceState: string | undefined
  readonly kind: SpanKind
  readonly startNs: bigint
  readonly attributes = new Map<string, AttributeValue>()
  readonly events: SpanEvent[] = []
  name: string
  endNs = 0n
  status: SpanStatus = { code: 'unset' }
  droppedAttributes = 0
  droppedEvents = 0
  readonly #sink: SpanSink
  readonly #clock: SpanClock
  readonly #offset: number

  constructor(options: SpanOptions) {
    this.traceId = options.traceId
    this.spanId = options.spanId
    this.parentSpanId = options.parentSpanId
    this.hasRemoteParent = options.hasRemoteParent
    this.traceFlags = options.traceFlags
    this.traceState = options.traceState
    this.name = options.name
    this.kind = options.kind
    this.#sink = options.sink
    this.#clock = options.clock
    this.#offset = options.offset
    this.startNs = this.#now()
  }

  #now(): bigint {
    return this.#clock.now(this.#offset)
  }

  get #isOver(): boolean {
    return this.endNs !== 0n
  }

  set(attributes: Attributes): void {
    if (!this.#isOver) this.droppedAttributes += putAll(this.attributes, attributes)
  }

  event(name: string, attributes: Attributes = {}): void {
    this.#tell(name, attributes, '')
  }

  decide(decision: Decision, facts: Attributes = {}): void {
    this.#tell(`skein.${decision}`, facts, 'skein.')
  }

  #tell(name: string, facts: Attributes, prefix: string): void {
    if (this.#isOver) return
    if (this.events.length >= EVENTS_MAX) this.droppedEvents++
    else {
      const attributes = new Map<string, AttributeValue>()
      putAll(attributes, facts, prefix)
      this.events.push({ name, timeNs: this.#now(), attributes })
    }
  }

  fail(type: string, message?: string): void {
    if (this.#isOver || this.status.code === 'error') return
    this.set({ 'error.type': type })
    this.status = message === undefined ? { code: 'error' } : { code: 'error', message }
  }

  child(name: string, kind: SpanKind = 'internal'): RecordedSpan {
    const { traceId, traceFlags, traceState } = this
    return new RecordedSpan({
      ...{ traceId, traceFlags, traceState, parentSpanId: this.spanId, hasRemoteParent: false },
      ...{ spanId: newId(8), name, kind, sink: this.#sink, clock: this.#clock, offset: this.#offset },
    })
  }

  end(): void {
    if (this.#isOver) return
    this.endNs = this.#now()
    this.#sink.add(this)
  }
}

/** Returns how many had no room. */
function putAll(into: Map<string, AttributeValue>, attributes: Attributes, prefix = ''): number {
  let dropped = 0
  for (const name of Object.keys(attributes)) {
    const value = attributes[name]
    if (value === undefined) continue
    const key = prefix + name
    if (into.size < ATTRIBUTES_MAX || into.has(key)) into.set(key, value)
    else dropped++
  }
  return dropped
}
