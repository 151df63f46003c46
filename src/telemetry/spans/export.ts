/** From spans to the collector: queue, batches, delivery, and what is told of it by metrics and log. */
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import type { AttributeValue } from '../../core/span.ts'
import type { Metrics } from '../metrics.ts'
import { Batches, type DropReason } from './batches.ts'
import type { FinishedSpan, SpanSink } from './contract.ts'
import { type Delivered, Delivery } from './delivery.ts'
import { collectorAt } from './otlp-http.ts'
import { exportRequest } from './otlp-json.ts'
import type { TracingSettings } from './settings.ts'

export interface ExportOptions {
  readonly settings: TracingSettings
  /** Asked for each batch: an instance's name is known only once it listens. */
  readonly resource: () => Readonly<Record<string, AttributeValue>>
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
  readonly log: () => Logger
}

export interface Exporter {
  readonly sink: SpanSink
  flush(): Promise<void>
  /** Sends what is left for at most `ms`. */
  close(ms: number): Promise<void>
}

function spanMetrics(metrics: Metrics) {
  return {
    exported: metrics.counter('skein_spans_exported_total', 'Spans that the collector took.'),
    dropped: metrics.counter(
      'skein_spans_dropped_total',
      'Spans that were not exported: no room in the queue (queue_full), refused by the collector, given up after repetitions (failed), or left at the end (exit).',
      ['reason'],
    ),
  }
}

export function startExport({ settings, resource, clock, random, metrics, log }: ExportOptions): Exporter {
  const { exported, dropped } = spanMetrics(metrics)
  const collector = collectorAt(settings, clock)
  const { timeoutMs, batch } = settings
  const delivery = new Delivery({ collector, clock, random, timeoutMs, exportMs: batch.exportMs })
  const report = new Report(settings.endpoint, log)
  const drop = (count: number, reason: DropReason) => {
    dropped.with(reason).value += count
  }

  async function send(spans: readonly FinishedSpan[], signal: AbortSignal): Promise<void> {
    const body = exportRequest(spans, resource())
    const delivered = await delivery.send(body, signal)
    const refused = delivered.lost ? spans.length : Math.min(spans.length, delivered.refused)
    exported.with().value += spans.length - refused
    if (refused > 0) drop(refused, delivered.lost ? 'failed' : 'refused')
    report.tell(delivered, refused)
  }

  const failed = (err: unknown) => log().error({ err }, 'spans could not be written')
  const batches = new Batches({ ...batch, clock, send, dropped: drop, failed })
  return {
    sink: batches,
    flush: () => batches.flush(),
    close: (ms) => batches.close(ms).finally(() => collector.close()),
  }
}

/** One line when it begins to go wrong, or goes wrong in another way, and one when it goes well again. */
class Report {
  readonly #endpoint: string
  readonly #log: () => Logger
  readonly #hint: string
  #last: string | undefined

  constructor({ origin, pathname, port }: URL, log: () => Logger) {
    // Without name and password, which a URL may have.
    this.#endpoint = origin + pathname
    this.#log = log
    this.#hint = port === '4317' ? '; 4317 is the port of OTLP over gRPC, JSON is taken at 4318' : ''
  }

  tell({ message }: Delivered, lost: number): void {
    if (message === this.#last) return
    this.#last = message
    const where = { endpoint: this.#endpoint }
    if (message === undefined) this.#log().info(where, 'spans are exported again')
    else if (lost === 0) this.#log().warn({ ...where, reason: message }, 'the collector has a remark on the spans')
    else this.#log().warn({ ...where, reason: message, lost }, `spans are lost${this.#hint}`)
  }
}
