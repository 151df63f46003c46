/**
 * What the fleet needs from the machine it runs on: processes, free ports, and asking a port whether someone answers.
 * `host/system.ts` is the real one; tests use a fake on a virtual clock, so that back-off, restart and stop are exact.
 */
import type { LogLine } from './contract.ts'

export interface LaunchPlan {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** How a process ended. `error` is set when it could not be started at all. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: string | null
  readonly error?: string | undefined
}

/** Called by the host, never before `launch` has returned. `end` comes exactly once, after the last output. */
export interface ProcessListener {
  message(message: unknown): void
  output(stream: LogLine['stream'], chunk: Uint8Array): void
  end(end: ProcessEnd): void
}

export interface RunningProcess {
  readonly pid: number | undefined
  /** Asks it to drain and leave (SIGTERM). Nothing happens when it has ended. */
  terminate(): void
  /** Ends it and all that it has started, at once (SIGKILL to its process group). Nothing happens when it has ended. */
  kill(): void
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Host {
  launch(plan: LaunchPlan, listener: ProcessListener): RunningProcess
  /** A port of 127.0.0.1 that was free a moment ago. */
  freePort(): Promise<number>
  /** The status of `GET path`, or undefined when none came within `timeoutMs`. Never rejects. */
  askHttp(address: Address, path: string, timeoutMs: number): Promise<number | undefined>
  /** True when a TCP connection was accepted within `timeoutMs`. Never rejects. */
  askTcp(address: Address, timeoutMs: number): Promise<boolean>
}
