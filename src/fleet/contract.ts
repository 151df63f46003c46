/**
 * The fleet runs instances of services as processes on this machine: starts, watches, restarts, scales and stops them.
 * It knows processes, not the registry: what an instance does with the registry is the instance's own affair.
 */

/** What to run, after validation. Exactly one of `entry` and `command` is given. */
export interface ServiceSpec {
  readonly name: string
  /** Absolute path of a module whose default export is a service; run by `skein run`. */
  readonly entry?: string | undefined
  /** Any program and its arguments; it must listen on the port in `$PORT`. */
  readonly command?: readonly string[] | undefined
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** ≥ 0. */
  readonly instances: number
  /** Weight per instance ordinal; ordinals beyond the list have weight 1. */
  readonly weights: readonly number[]
  /** A fixed port (then at most one instance); absent = a free one for each. */
  readonly port?: number | undefined
  /** Skein's own parts (registry, gateway): started first, stopped last, not counted as the user's services. */
  readonly system?: boolean | undefined
  /** Path asked on the instance's own port until it answers 2xx; default `/health/ready` for entries, absent for commands (TCP). */
  readonly healthPath?: string | undefined
}

/** starting → ready → stopping → stopped; a crash goes to `backoff` and from there to starting again. */
export type InstanceState = 'starting' | 'ready' | 'backoff' | 'stopping' | 'stopped'

export interface InstanceInfo {
  readonly id: string
  readonly service: string
  /** From 1. */
  readonly ordinal: number
  readonly state: InstanceState
  readonly pid?: number | undefined
  readonly port?: number | undefined
  readonly weight: number
  readonly restarts: number
  /** Wall-clock ms. */
  readonly startedAt?: number | undefined
  /** The last failure in one line: `exit 1: Error: …`. */
  readonly lastError?: string | undefined
}

/** One line that a process wrote, as it wrote it. */
export interface LogLine {
  readonly at: number
  readonly service: string
  readonly instance: string
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
}

export interface Fleet {
  /** All instances, by service in config order, then ordinal. */
  list(): readonly InstanceInfo[]
  /** Resolves once nothing is starting or stopping: each instance is ready, stopped, or has failed and waits to be tried again. */
  settled(): Promise<void>
  /**
   * Resolves when the new count is running and ready, and the surplus has drained and gone.
   * @throws SkeinError START_FAILED when an instance fails (it is tried again all the same), UNKNOWN_TARGET, INVALID_INPUT.
   */
  scale(service: string, instances: number): Promise<void>
  /**
   * Takes in a service that is new and starts it. Resolves when its instances are ready.
   * @throws SkeinError START_FAILED as in `scale`, INVALID_INPUT when there is a service of this name.
   */
  add(spec: ServiceSpec): Promise<void>
  /**
   * Drains and stops a service, then forgets it: its name may be given to another. Resolves when it has gone.
   * @throws SkeinError UNKNOWN_TARGET.
   */
  remove(service: string): Promise<void>
  /**
   * Restarts one instance by its id, or a service one instance at a time: each drains and is replaced in its own place, and
   * the next goes only when the new one is ready, so capacity is never below N − 1. A failed replacement ends the restart.
   */
  restart(target: string): Promise<void>
  /** Stops a service (scales it to 0) or one instance by its id, which stays stopped until restarted. */
  stop(target: string): Promise<void>
  /** The last lines kept (10,000 in all), oldest first. */
  logs(filter?: { service?: string; instance?: string; last?: number }): readonly LogLine[]
  onLog(listener: (line: LogLine) => void): () => void
  onChange(listener: (info: InstanceInfo) => void): () => void
  /** Drains and stops everything; after `graceMs` (default 4000) the rest is killed. Idempotent. */
  close(graceMs?: number): Promise<void>
}
