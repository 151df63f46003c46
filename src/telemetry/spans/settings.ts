/**
 * What OpenTelemetry's environment variables ask for (its specification, configuration/sdk-environment-variables.md and
 * protocol/exporter.md). Unlike there, a value that is none is an error and not a default: who mistypes the name of a
 * sampler would wait for spans in vain. An empty variable is as good as none.
 */
import { ConfigError, IssueList } from '../../core/issues.ts'
import type { Environment } from '../../core/settings.ts'
import { type CollectorTls, tlsOf } from './collector-tls.ts'
import type { Sampler } from './contract.ts'
import { booleanOf, endpointOf, headersOf, oneOf, pairsOf, type Variable, wholeNumberOf } from './read-variable.ts'
import { DEFAULT_SAMPLER, SAMPLERS } from './samplers.ts'

export interface TracingSettings {
  readonly endpoint: URL
  /** Of each request. */
  readonly headers: Readonly<Record<string, string>>
  readonly gzip: boolean
  /** Empty for a collector behind http. */
  readonly tls: CollectorTls
  /** For one request, ms. */
  readonly timeoutMs: number
  readonly batch: BatchSettings
  readonly sampler: Sampler
  /** Of OTEL_RESOURCE_ATTRIBUTES, and of OTEL_SERVICE_NAME, which stands above them. */
  readonly resource: Readonly<Record<string, string>>
}

export interface BatchSettings {
  /** Spans that wait; more are dropped. */
  readonly queueMax: number
  readonly batchMax: number
  /** Until a batch that is not full is sent, ms. */
  readonly delayMs: number
  /** For a batch with all repetitions, ms. */
  readonly exportMs: number
}

/** Each may have `TRACES_` before it, and then stands above the one for all signals. */
const OTLP = [
  'ENDPOINT',
  'HEADERS',
  'TIMEOUT',
  'COMPRESSION',
  'PROTOCOL',
  'CERTIFICATE',
  'CLIENT_CERTIFICATE',
  'CLIENT_KEY',
]

/** All variables that are read, but for the service's name, which is each process's own. */
export const VARIABLES: readonly string[] = [
  ...OTLP.flatMap((name) => [`OTEL_EXPORTER_OTLP_${name}`, `OTEL_EXPORTER_OTLP_TRACES_${name}`]),
  ...['OTEL_SDK_DISABLED', 'OTEL_TRACES_EXPORTER', 'OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG'],
  ...[
    'OTEL_BSP_MAX_QUEUE_SIZE',
    'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
    'OTEL_BSP_SCHEDULE_DELAY',
    'OTEL_BSP_EXPORT_TIMEOUT',
  ],
  ...['OTEL_RESOURCE_ATTRIBUTES', 'OTEL_PROPAGATORS'],
]

/** Undefined: nothing is to be recorded. @throws ConfigError with every mistake. */
export function readTracing(environment: Environment): TracingSettings | undefined {
  const issues = new IssueList('settings')
  const variable = (name: string): Variable => ({ name, text: environment[name]?.trim() || undefined, issues })
  /** The one for traces stands above the one for all signals. */
  const otlp = (name: string): Variable => {
    const own = variable(`OTEL_EXPORTER_OTLP_TRACES_${name}`)
    return own.text === undefined ? variable(`OTEL_EXPORTER_OTLP_${name}`) : own
  }
  const isOff = booleanOf(variable('OTEL_SDK_DISABLED'))
  const target = isOff ? undefined : targetOf(variable, issues)
  if (target === undefined) return nothing(issues)
  checkPropagators(variable('OTEL_PROPAGATORS'))
  const settings = {
    endpoint: target,
    ...carriageOf(otlp),
    tls: target.protocol === 'https:' ? tlsOf(otlp) : {},
    timeoutMs: patience(wholeNumberOf(otlp('TIMEOUT'), 10_000)),
    batch: batchOf(variable, issues),
    sampler: samplerOf(variable, issues),
    resource: resourceOf(variable),
  }
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  return settings
}

function nothing({ issues }: IssueList): undefined {
  if (issues.length > 0) throw new ConfigError(issues)
  return undefined
}

type Read = (name: string) => Variable

/** Where to; undefined where nobody says. */
function targetOf(variable: Read, issues: IssueList): URL | undefined {
  const exporter = variable('OTEL_TRACES_EXPORTER')
  const kind = oneOf(exporter, ['otlp', 'none'], 'otlp')
  if (kind === 'none' || issues.issues.length > 0) return undefined
  const own = variable('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')
  if (own.text !== undefined) return endpointOf(own)
  const common = variable('OTEL_EXPORTER_OTLP_ENDPOINT')
  const base = common.text === undefined ? undefined : endpointOf(common)
  if (base === undefined) return undefined
  base.pathname = `${base.pathname.replace(/\/$/, '')}/v1/traces`
  return base
}

/** W3C Trace Context is read and passed on, whatever stands here; baggage goes through the gateway and no further, which harms nobody. */
function checkPropagators({ name, text, issues }: Variable): void {
  const asked = (text ?? 'tracecontext').split(',').map((word) => word.trim().toLowerCase())
  const others = asked.filter((word) => word !== 'tracecontext' && word !== 'baggage' && word !== '')
  const fix = 'Write tracecontext, or tracecontext,baggage: only W3C Trace Context is spoken here.'
  if (others.length > 0) issues.add(name, `"${others.join(',')}" cannot be had here`, fix)
  else if (!asked.includes('tracecontext')) issues.add(name, 'tracecontext is missing, and cannot be left out', fix)
}

function carriageOf(otlp: Read): Pick<TracingSettings, 'headers' | 'gzip'> {
  const protocol = otlp('PROTOCOL')
  const word = protocol.text?.toLowerCase() ?? 'http/json'
  if (word !== 'http/json') {
    const isKnown = word === 'grpc' || word === 'http/protobuf'
    protocol.issues.add(
      protocol.name,
      isKnown ? `${word} is not spoken here, only http/json` : `"${protocol.text}" is no protocol of OTLP`,
      'Set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json and the endpoint to the OTLP/HTTP port (4318), which collectors take JSON at, or OTEL_TRACES_EXPORTER=none.',
    )
  }
  return { headers: headersOf(otlp('HEADERS')), gzip: oneOf(otlp('COMPRESSION'), ['none', 'gzip'], 'none') === 'gzip' }
}

/** 0 is "for ever"; a day is as good. */
function patience(ms: number): number {
  return ms === 0 ? 24 * 3_600_000 : ms
}

function batchOf(variable: Read, issues: IssueList): BatchSettings {
  const queueMax = wholeNumberOf(variable('OTEL_BSP_MAX_QUEUE_SIZE'), 2048, 1)
  const size = variable('OTEL_BSP_MAX_EXPORT_BATCH_SIZE')
  const batchMax = wholeNumberOf(size, Math.min(512, queueMax), 1)
  if (batchMax > queueMax) {
    issues.add(size.name, `a batch of ${batchMax} does not fit into the queue`, `Write a number up to ${queueMax}.`)
  }
  const delayMs = wholeNumberOf(variable('OTEL_BSP_SCHEDULE_DELAY'), 5_000)
  return { queueMax, batchMax, delayMs, exportMs: patience(wholeNumberOf(variable('OTEL_BSP_EXPORT_TIMEOUT'), 30_000)) }
}

function samplerOf(variable: Read, issues: IssueList): Sampler {
  const { make, hasRatio } = SAMPLERS[oneOf(variable('OTEL_TRACES_SAMPLER'), Object.keys(SAMPLERS), DEFAULT_SAMPLER)]!
  const { name, text } = variable('OTEL_TRACES_SAMPLER_ARG')
  if (!hasRatio || text === undefined) return make(1)
  const ratio = /^(\d+(\.\d*)?|\.\d+)(e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN
  if (!(ratio >= 0 && ratio <= 1))
    issues.add(name, `"${text}" is no ratio`, 'Write a number from 0 to 1, such as 0.25.')
  return make(ratio)
}

function resourceOf(variable: Read): Record<string, string> {
  const attributes = pairsOf(variable('OTEL_RESOURCE_ATTRIBUTES'))
  const { text } = variable('OTEL_SERVICE_NAME')
  return text === undefined ? attributes : { ...attributes, 'service.name': text }
}
