/**
 * Starts a process as the leader of a group of its own. So Ctrl-C in the terminal reaches the fleet alone, which stops its
 * instances in order; and a kill takes along whatever the process has started.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Clock } from '../../core/clock.ts'
import type { LaunchPlan, ProcessEnd, ProcessListener, RunningProcess } from '../host.ts'
import { CHANNEL_ENVIRONMENT, listenTo } from './channel.ts'

/** How long output may trickle in after the exit, ms: something that left the group may still hold the pipe. */
const LAST_OUTPUT_MS = 100

/** Never throws: a process that cannot be started is one that has ended. */
export function launch(plan: LaunchPlan, listener: ProcessListener, clock: Clock): RunningProcess {
  try {
    const child = start(plan)
    // Must be first: an error that nobody hears of would end the fleet.
    reportEnd(child, plan, clock, (end) => listener.end(end))
    listenTo(child, listener)
    for (const stream of ['stdout', 'stderr'] as const) {
      // There is none where no file descriptor was left for it.
      child[stream]?.on('data', (chunk: Uint8Array) => listener.output(stream, chunk))
    }
    return new SystemProcess(child)
  } catch (error) {
    const { message } = error as Error // arguments too long, a NUL byte, no memory: spawn throws these at once
    clock.after(0, () => listener.end({ code: null, signal: null, error: message }), true)
    return { pid: undefined, terminate: () => {}, kill: () => {} }
  }
}

function start(plan: LaunchPlan): ChildProcess {
  return spawn(plan.file, plan.args, {
    cwd: plan.cwd,
    env: { ...plan.env, ...CHANNEL_ENVIRONMENT },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
}

/** Calls `done` once: after the exit, and when the pipes have run dry. */
function reportEnd(child: ChildProcess, plan: LaunchPlan, clock: Clock, done: (end: ProcessEnd) => void): void {
  child.once('error', (error) => {
    if (child.pid === undefined) done({ code: null, signal: null, error: startError(plan, error) })
  })
  child.once('exit', (code, signal) => {
    if (child.pid !== undefined) signalTo(-child.pid, 'SIGKILL') // what it started and left behind
    const giveUp = clock.after(LAST_OUTPUT_MS, () => {
      for (const pipe of child.stdio) pipe?.destroy()
    })
    child.once('close', () => {
      giveUp.cancel()
      done({ code, signal })
    })
  })
}

/** Node names the program when it is the folder that is missing. */
function startError(plan: LaunchPlan, error: Error): string {
  return existsSync(plan.cwd) ? error.message : `no such folder: ${plan.cwd}`
}

class SystemProcess implements RunningProcess {
  readonly pid: number | undefined
  readonly #child: ChildProcess

  constructor(child: ChildProcess) {
    this.#child = child
    this.pid = child.pid
  }

  terminate(): void {
    if (this.pid !== undefined && this.#alive()) signalTo(this.pid, 'SIGTERM')
  }

  kill(): void {
    if (this.pid !== undefined && this.#alive()) signalTo(-this.pid, 'SIGKILL')
  }

  /** Once Node has reaped it, its number may belong to someone else. */
  #alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }
}

/** That nobody is there any more is no error, nor that whoever is runs as another user (`sudo`) and cannot be reached. */
const OUT_OF_REACH: ReadonlySet<unknown> = new Set(['ESRCH', 'EPERM'])

/** `pid` < 0 means the process group. */
function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!OUT_OF_REACH.has((error as NodeJS.ErrnoException).code)) throw error
  }
}
