/**
 * Metrics in Prometheus' text format 0.0.4. Own code, because prom-client has had no release since 2024 and boxes every
 * label set into an object per observation; a series here is a plain object that the caller may keep and bump.
 */

/** One time series of a counter or gauge. */
export interface Series {
  value: number
}

/** One time series of a histogram: cumulative counts are made when it is written out. */
export interface HistogramSeries {
  readonly counts: number[]
  sum: number
}

/** Seconds: 1 ms to 10 s, the range in which services answer. */
const DURATION_BUCKETS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** At most this many label sets a metric; what comes after is counted under the label value `overflow`. */
const SERIES_MAX = 2000

type Branch = Map<string, unknown>

abstract class Metric<S> {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly #series: { readonly values: readonly string[]; readonly series: S }[] = []
  /** The same by label values, a level for each: found without a key being put together, as several are at each request. */
  #tree: Branch = new Map()

  constructor(name: string, help: string, labelNames: readonly string[]) {
    this.name = name
    this.help = help
    this.labelNames = labelNames
  }

  protected abstract readonly type: 'counter' | 'gauge' | 'histogram'
  protected abstract create(): S
  protected abstract lines(labels: string, series: S): string

  /** The series with these label values, in the order of `labelNames`. Keep it where the labels do not change. */
  with(...values: string[]): S {
    let at: unknown = this.#tree
    for (let i = 0; i < values.length && at !== undefined; i++) at = (at as Branch).get(values[i]!)
    if (values.length === 0) at = this.#tree.get('')
    return (at as S | undefined) ?? this.#add(values)
  }

  #add(values: readonly string[]): S {
    if (this.#series.length >= SERIES_MAX && values.some((value) => value !== 'overflow')) {
      return this.with(...values.map(() => 'overflow'))
    }
    const series = this.create()
    this.#series.push({ values, series })
    this.#plant(values, series)
    return series
  }

  #plant(values: readonly string[], series: S): void {
    let branch = this.#tree
    for (const value of values.slice(0, -1)) {
      let next = branch.get(value) as Branch | undefined
      if (next === undefined) {
        next = new Map()
        branch.set(value, next)
      }
      branch = next
    }
    branch.set(values.at(-1) ?? '', series)
  }

  /** Forgets the series for which `test` holds (instances that have gone); it asks for label values by name. */
  removeWhere(test: (label: (name: string) => string) => boolean): void {
    const kept = this.#series.filter(({ values }) => !test((name) => values[this.labelNames.indexOf(name)] ?? ''))
    if (kept.length === this.#series.length) return
    this.#series.splice(0, this.#series.length, ...kept)
    this.#tree = new Map()
    for (const { values, series } of kept) this.#plant(values, series)
  }

  /** Reads every series: for tests and JSON views. */
  *entries(): Generator<[readonly string[], S]> {
    for (const { values, series } of this.#series) yield [values, series]
  }

  toText(): string {
    let text = `# HELP ${this.name} ${this.help}\n# TYPE ${this.name} ${this.type}\n`
    for (const { values, series } of this.#series) {
      text += this.lines(
        this.labelNames.map((name, i) => `${name}="${escapeLabel(values[i] ?? '')}"`).join(','),
        series,
      )
    }
    return text
  }
}

export class Counter extends Metric<Series> {
  protected override readonly type = 'counter'
  protected override create = (): Series => ({ value: 0 })
  protected override lines = (labels: string, series: Series): string =>
    `${this.name}${braces(labels)} ${series.value}\n`
}

export class Gauge extends Metric<Series> {
  protected override readonly type = 'gauge'
  protected override create = (): Series => ({ value: 0 })
  protected override lines = (labels: string, series: Series): string =>
    `${this.name}${braces(labels)} ${series.value}\n`
}

export class Histogram extends Metric<HistogramSeries> {
  protected override readonly type = 'histogram'
  readonly #buckets: readonly number[]

  constructor(name: string, help: string, labelNames: readonly string[], buckets = DURATION_BUCKETS) {
    super(name, help, labelNames)
    this.#buckets = buckets
  }

  /** Adds one observation, in the metric's unit. */
  observe(series: HistogramSeries, value: number): void {
    let slot = 0
    while (slot < this.#buckets.length && value > this.#buckets[slot]!) slot++
    series.counts[slot]!++
    series.sum += value
  }

  protected override create = (): HistogramSeries => ({ counts: new Array(this.#buckets.length + 1).fill(0), sum: 0 })

  protected override lines = (labels: string, series: HistogramSeries): string => {
    const comma = labels === '' ? '' : ','
    let text = ''
    let total = 0
    for (let i = 0; i < series.counts.length; i++) {
      total += series.counts[i]!
      text += `${this.name}_bucket{${labels}${comma}le="${this.#buckets[i] ?? '+Inf'}"} ${total}\n`
    }
    return `${text}${this.name}_sum${braces(labels)} ${series.sum}\n${this.name}_count${braces(labels)} ${total}\n`
  }
}

const braces = (labels: string) => (labels === '' ? '' : `{${labels}}`)

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** All metrics of one process. Asking for a known name gives the same metric; another kind or other labels throw. */
export class Metrics {
  readonly #metrics = new Map<string, Counter | Gauge | Histogram>()
  readonly #collectors: (() => void)[] = []

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return this.#register(name, labelNames, Counter, () => new Counter(name, help, labelNames))
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    return this.#register(name, labelNames, Gauge, () => new Gauge(name, help, labelNames))
  }

  histogram(name: string, help: string, labelNames: readonly string[] = [], buckets?: readonly number[]): Histogram {
    return this.#register(name, labelNames, Histogram, () => new Histogram(name, help, labelNames, buckets))
  }

  /** Calls `collect` before each read-out: for gauges that are looked up, not kept. */
  onCollect(collect: () => void): void {
    this.#collectors.push(collect)
  }

  toText(): string {
    for (const collect of this.#collectors) collect()
    return [...this.#metrics.values()].map((metric) => metric.toText()).join('')
  }

  #register<M extends Counter | Gauge | Histogram>(
    name: string,
    labelNames: readonly string[],
    type: abstract new (...args: never[]) => M,
    create: () => M,
  ): M {
    const known = this.#metrics.get(name)
    if (known !== undefined) {
      if (known instanceof type && known.labelNames.join() === labelNames.join()) return known
      throw new Error(`metric ${name}: already there with another type or other labels`)
    }
    const metric = create()
    this.#metrics.set(name, metric)
    return metric
  }
}

/** The metrics of this process. */
export const processMetrics = new Metrics()

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
