/** The metrics of several processes as those of one, in Prometheus' text format as `src/telemetry/metrics.ts` writes it. Pure. */

type Combine = (a: number, b: number) => number

const sum: Combine = (a, b) => a + b
/** 0 = none: of times that are set only while something lasts, the earliest. */
const earliest: Combine = (a, b) => (a === 0 || b === 0 ? a + b : Math.min(a, b))

/** Counters and histograms are added, and so are gauges that count something; these tell something else. */
const GAUGES: Readonly<Record<string, Combine>> = {
  skein_client_circuit_open: Math.max,
  skein_client_discovery_stale: Math.max,
  skein_client_discovery_confirmed_timestamp_seconds: earliest,
  process_start_time_seconds: earliest,
  nodejs_eventloop_utilization: Math.max,
}

interface Family {
  readonly help: string
  readonly type: string
  readonly samples: Map<string, number>
}

type Families = Map<string, Family>

export function mergeMetrics(texts: readonly string[]): string {
  const families: Families = new Map()
  for (const text of texts) add(families, text)
  return written(families)
}

/** What goes on counting when its process has gone: counters and histograms. */
export function countersOf(text: string): string {
  const families: Families = new Map()
  add(families, text)
  for (const [name, { type }] of families) if (type === 'gauge') families.delete(name)
  return written(families)
}

/** Without what was counted for each instance: those come and go for ever. */
export function withoutInstances(text: string): string {
  const isOfInstance = (line: string) => !line.startsWith('#') && line.includes('instance="')
  return text
    .split('\n')
    .filter((line) => !isOfInstance(line))
    .join('\n')
}

function add(families: Families, text: string): void {
  let family: Family | undefined
  let combine = sum
  let help = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('# HELP ')) help = line
    else if (line.startsWith('# TYPE ')) {
      const [name, type] = line.slice('# TYPE '.length).split(' ') as [string, string]
      family = familyOf(families, name, help, type)
      combine = (type === 'gauge' && GAUGES[name]) || sum
    } else if (line !== '') addSample(family!.samples, line, combine)
  }
}

function familyOf(families: Families, name: string, help: string, type: string): Family {
  let family = families.get(name)
  if (family === undefined) {
    family = { help, type, samples: new Map() }
    families.set(name, family)
  }
  return family
}

/** A value has no space in it, a label may. */
function addSample(samples: Map<string, number>, line: string, combine: Combine): void {
  const end = line.lastIndexOf(' ')
  const series = line.slice(0, end)
  const value = Number(line.slice(end + 1))
  const before = samples.get(series)
  samples.set(series, before === undefined ? value : combine(before, value))
}

function written(families: Families): string {
  let text = ''
  for (const [name, { help, type, samples }] of families) {
    text += `${help}\n# TYPE ${name} ${type}\n`
    for (const [series, value] of samples) text += `${series} ${value}\n`
  }
  return text
}
