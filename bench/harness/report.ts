/** Medians, ratios and goals, as a table or as lines of JSON. */
import type { BenchCase, Figure, Goal, Measurement, Sample } from './contract.ts'

const FIGURES: readonly (keyof Sample)[] = [
  'cpuUsPerRequest',
  'requestsPerSecond',
  'p50Ms',
  'p99Ms',
  'bytesPerConnection',
  'errors',
]

/** Of each figure the median of its own; of the errors the sum. */
export function median(samples: readonly Sample[]): Sample {
  const of = (figure: keyof Sample) => {
    const values = samples.flatMap((sample) => sample[figure] ?? []).sort((a, b) => a - b)
    if (figure === 'errors') return values.reduce((sum, value) => sum + value, 0)
    return values.length === 0 ? undefined : values[Math.floor(values.length / 2)]
  }
  return Object.fromEntries(FIGURES.map((figure) => [figure, of(figure)]))
}

export interface Verdict {
  readonly goal: Goal
  /** The peer whose figure was taken. */
  readonly against: string | undefined
  readonly value: number | undefined
}

/** Skein's figures against the goals of the case. `isNode` tells the peers among which `node` means the best. */
export function judge(
  { goals }: BenchCase,
  measurements: readonly Measurement[],
  isNode: (peer: string) => boolean,
): Verdict[] {
  const figureOf = (peer: string, figure: Figure) => {
    const result = measurements.find((one) => one.peer === peer)?.result
    return result === undefined || 'missing' in result ? undefined : result[figure]
  }
  return goals.map((goal) => {
    const own = figureOf('skein', goal.figure)
    if (goal.against === undefined) return { goal, against: undefined, value: own }
    const rivals = goal.against === 'node' ? measurements.map(({ peer }) => peer).filter(isNode) : [goal.against]
    const [best] = rivals
      .map((peer) => ({ peer, value: figureOf(peer, goal.figure) }))
      .filter(({ value }) => value !== undefined)
      .sort((a, b) => a.value! - b.value!)
    if (own === undefined || best === undefined) return { goal, against: best?.peer, value: undefined }
    return { goal, against: best.peer, value: goal.difference ? own - best.value! : own / best.value! }
  })
}

/** A line of JSON for a measurement; `ratio` = skein ÷ peer in CPU. */
export function jsonLine({ bench, case: name, peer, result }: Measurement, all: readonly Measurement[]): string {
  if ('missing' in result) return JSON.stringify({ bench, case: name, peer, missing: result.missing })
  const skein = all.find((one) => one.case === name && one.peer === 'skein')?.result
  const own = skein === undefined || 'missing' in skein ? undefined : skein.cpuUsPerRequest
  const ratio = own === undefined || result.cpuUsPerRequest === undefined ? null : own / result.cpuUsPerRequest
  return JSON.stringify({
    bench,
    case: name,
    peer,
    cpu_us_per_request: result.cpuUsPerRequest ?? null,
    requests_per_s: result.requestsPerSecond ?? null,
    p50_ms: result.p50Ms ?? null,
    p99_ms: result.p99Ms ?? null,
    ratio,
    ...(result.bytesPerConnection === undefined ? {} : { bytes_per_connection: result.bytesPerConnection }),
    ...(result.errors ? { errors: result.errors } : {}),
  })
}

const COLUMNS: readonly { title: string; of(sample: Sample): string }[] = [
  { title: 'CPU µs/req', of: ({ cpuUsPerRequest }) => number(cpuUsPerRequest, 1) },
  { title: 'req/s', of: ({ requestsPerSecond }) => number(requestsPerSecond, 0) },
  { title: 'p50 ms', of: ({ p50Ms }) => number(p50Ms, 3) },
  { title: 'p99 ms', of: ({ p99Ms }) => number(p99Ms, 3) },
  { title: 'kB/conn', of: ({ bytesPerConnection: bytes }) => number(bytes && bytes / 1000, 1) },
]

const number = (value: number | undefined, digits: number) => (value === undefined ? '–' : value.toFixed(digits))

export function table(
  benchCase: BenchCase,
  measurements: readonly Measurement[],
  verdicts: readonly Verdict[],
): string {
  const skein = measurements.find(({ peer }) => peer === 'skein')?.result
  const rows = measurements.map(({ peer, result }) => {
    if ('missing' in result) return `  ${peer.padEnd(20)} ${result.missing}`
    const cells = COLUMNS.map(({ of }) => of(result).padStart(11))
    const errors = result.errors ? `  ${result.errors} errors` : ''
    return `  ${peer.padEnd(20)}${cells.join('')}${ratioOf(skein, result).padStart(13)}${errors}`
  })
  const head = `  ${''.padEnd(20)}${COLUMNS.map(({ title }) => title.padStart(11)).join('')}${'skein ÷ it'.padStart(13)}`
  return [`${benchCase.name}: ${benchCase.what}`, head, ...rows, ...verdicts.map(verdictLine)].join('\n')
}

function ratioOf(skein: Measurement['result'] | undefined, { cpuUsPerRequest }: Sample): string {
  if (skein === undefined || 'missing' in skein || skein.cpuUsPerRequest === undefined) return '–'
  return cpuUsPerRequest === undefined ? '–' : (skein.cpuUsPerRequest / cpuUsPerRequest).toFixed(2)
}

const WORDS: Readonly<Record<Figure, string>> = {
  cpuUsPerRequest: 'CPU',
  requestsPerSecond: 'requests/s',
  p50Ms: 'p50',
  p99Ms: 'p99',
  bytesPerConnection: 'bytes per connection',
}

function verdictLine({ goal, against, value }: Verdict): string {
  const rival = against ?? goal.against
  const what = rival === undefined ? '' : ` ${goal.difference ? 'above' : '÷'} ${rival}`
  const state = value === undefined ? 'not measured' : value <= goal.atMost ? 'reached' : 'LOST'
  return `  goal: ${WORDS[goal.figure]}${what} ≤ ${goal.atMost}: ${number(value, 3)} ${state}`
}
