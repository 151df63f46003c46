/**
 * The tracing that an environment asks for: one for all in the process that see the same environment, made for the first of them,
 * flushed and ended with the last.
 */
import { hostname } from 'node:os'
import { sleep, systemClock } from '../../core/clock.ts'
import { createLogger, type Logger } from '../../core/log.ts'
import { manifest } from '../../core/manifest.ts'
import { systemRandom } from '../../core/random.ts'
import type { Environment } from '../../core/settings.ts'
import type { AttributeValue } from '../../core/span.ts'
import { processMetrics } from '../metrics.ts'
import { type Exporter, startExport } from './export.ts'
import { readTracing, type TracingSettings } from './settings.ts'
import { Tracer } from './tracer.ts'

/** Who the spans are of. Of several services in one process the first gives its name. */
export interface About {
  readonly service?: string | undefined
  readonly instance?: string | undefined
  readonly log?: Logger | undefined
}

export interface Tracing {
  readonly tracer: Tracer
  /** What was not known when it was opened. */
  tell(about: About): void
  /** Sends what is there, for at most 2 s. */
  flush(): Promise<void>
  /** Idempotent. With the last, what is left is sent for at most 2 s. */
  close(): Promise<void>
}

/** At the end of a process, so that spans are worth a moment and a collector that hangs holds up nobody for long. */
const LAST_MS = 2_000

const open = new WeakMap<Environment, SharedTracing>()

/** Of apps that are not to fail by it. */
const refused = new WeakSet<Environment>()

/** The same for an app that nobody changes: what is wrong is told to the log, and nothing is recorded in all of the process. */
export function openTracingOrNone(
  environment: Environment,
  about: About & { readonly log: Logger },
): Tracing | undefined {
  try {
    return openTracing(environment, about)
  } catch (err) {
    about.log.warn({ err }, 'no spans are recorded')
    refused.add(environment)
    return undefined
  }
}

/** Undefined where nothing is to be recorded. @throws ConfigError for variables that make no sense. */
export function openTracing(environment: Environment, about: About = {}): Tracing | undefined {
  let shared = open.get(environment)
  if (shared === undefined) {
    if (refused.has(environment)) return undefined
    const settings = readTracing(environment)
    if (settings === undefined) return undefined
    shared = new SharedTracing(settings, () => open.delete(environment))
    open.set(environment, shared)
  }
  return shared.enter(about)
}

class SharedTracing {
  readonly #exporter: Exporter
  readonly #tracer: Tracer
  readonly #given: Readonly<Record<string, string>>
  /** OpenTelemetry wants it of everybody; in a bundle it is not known. */
  readonly #version = manifest()?.version
  readonly #forget: () => void
  #about: About = {}
  #log: Logger | undefined
  #users = 0

  constructor(settings: TracingSettings, forget: () => void) {
    this.#given = settings.resource
    this.#forget = forget
    const parts = { clock: systemClock, random: systemRandom, metrics: processMetrics, log: () => this.#logger() }
    this.#exporter = startExport({ settings, resource: () => this.#resource(), ...parts })
    this.#tracer = new Tracer({ sink: this.#exporter.sink, sampler: settings.sampler, clock: systemClock })
  }

  enter(about: About): Tracing {
    this.#users++
    this.#tell(about)
    let closing: Promise<void> | undefined
    return {
      tracer: this.#tracer,
      tell: (more) => this.#tell(more),
      flush: () => this.#flush(),
      close: () => {
        closing ??= this.#leave()
        return closing
      },
    }
  }

  /** The first word counts; an instance's name only with its service's. */
  #tell({ service, instance, log }: About): void {
    const known = this.#about
    const isOurs = known.service === undefined || known.service === service
    this.#about = {
      service: known.service ?? service,
      instance: known.instance ?? (isOurs ? instance : undefined),
      log: known.log ?? log,
    }
  }

  async #flush(): Promise<void> {
    const over = new AbortController()
    await Promise.race([this.#exporter.flush(), sleep(LAST_MS, systemClock, over.signal)])
    over.abort()
  }

  async #leave(): Promise<void> {
    if (--this.#users > 0) return
    this.#forget()
    await this.#exporter.close(LAST_MS)
  }

  #logger(): Logger {
    this.#log ??= this.#about.log ?? createLogger()
    return this.#log
  }

  /** By OpenTelemetry's names; what the environment says stands above the rest. */
  #resource(): Record<string, AttributeValue> {
    const { service, instance } = this.#about
    return {
      'service.name': service ?? 'unknown_service:node',
      ...(instance !== undefined && { 'service.instance.id': instance }),
      'host.name': hostname(),
      'process.pid': process.pid,
      'telemetry.sdk.name': 'skein',
      ...(this.#version !== undefined && { 'telemetry.sdk.version': this.#version }),
      'telemetry.sdk.language': 'nodejs',
      ...this.#given,
    }
  }
}
