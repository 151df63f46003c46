/** Gets the lock, runs the program, gives the lock back: in this order, whatever happens. */
import { SkeinError } from '../../../core/errors.ts'
import { Failure } from '../../command.ts'
import type { ConsulSurroundings } from '../contract.ts'
import { pause } from './ask.ts'
import { Child } from './child.ts'
import type { Lock } from './contract.ts'

export interface Job {
  readonly lock: Lock
  /** The session in whose name it is held has ended. */
  readonly lost: AbortSignal
  /** This command is asked to end. */
  readonly stop: AbortSignal
  readonly words: readonly string[]
  /** How long to wait for the lock, ms; 0 = for ever. */
  readonly timeoutMs: number
  /** How often a registry that does not answer is asked again before the lock counts as lost. */
  readonly retries: number
  readonly call: ConsulSurroundings & {
    readonly flags: {
      readonly shell?: boolean | undefined
      readonly 'pass-stdin'?: boolean | undefined
      readonly verbose?: boolean | undefined
    }
  }
}

/**
 * Resolves with what went wrong with the program; undefined when it ended well, or was ended because of `lost` or `stop`.
 * @throws Failure when the lock is not to be had; SkeinError REGISTRY_UNAVAILABLE.
 */
export async function holdAndRun(job: Job): Promise<string | undefined> {
  const { lock, stop } = job
  say(job, 'Attempting lock acquisition')
  if (!(await acquire(job))) throw new Failure('Shutdown triggered or timeout during lock acquisition')
  const fault = stop.aborted ? undefined : await run(job)
  await lock.release()
  say(job, (await lock.cleanup()) ? 'Cleanup succeeded' : 'Cleanup aborted, lock in use')
  return fault
}

function say({ call: { flags, terminal } }: Job, text: string): void {
  if (flags.verbose) terminal.out.line(text)
}

async function acquire({ lock, lost, stop, timeoutMs, call: { clock } }: Job): Promise<boolean> {
  const late = new AbortController()
  const timer = timeoutMs > 0 ? clock.after(timeoutMs, () => late.abort(), true) : undefined
  try {
    return await lock.acquire(AbortSignal.any([stop, lost, late.signal]))
  } catch (error) {
    if (error instanceof Failure) throw new Failure(`Lock acquisition failed: ${error.message}`, error.fix)
    throw error
  } finally {
    timer?.cancel()
  }
}

async function run(job: Job): Promise<string | undefined> {
  const { flags, ...surroundings } = job.call
  say(job, 'Starting handler')
  const stdin = flags['pass-stdin'] === true
  const child = new Child({ ...surroundings, words: job.words, shell: flags.shell !== false, stdin })
  const over = new AbortController()
  try {
    const lost = untilLost(job, AbortSignal.any([job.stop, job.lost, over.signal]))
    const isLost = await Promise.race([child.ended.then(() => false), lost.then(() => true)])
    if (isLost) say(job, job.stop.aborted ? 'Shutdown triggered, killing child' : 'Lock lost, killing child')
    else return await tell(job, child)
  } finally {
    over.abort()
    await child.end() // without the lock it must not go on, whatever went wrong here
  }
  return undefined
}

async function tell(job: Job, child: Child): Promise<string | undefined> {
  const fault = await child.ended
  if (fault !== undefined) job.call.terminal.err.line(fault)
  say(job, 'Child terminated, releasing lock')
  return fault
}

/** Resolves when the lock is held no longer, or nobody can tell, or `signal` is aborted. */
async function untilLost({ lock, retries, call: { clock } }: Job, signal: AbortSignal): Promise<void> {
  let index = 0
  for (let failures = 0; !signal.aborted; ) {
    try {
      const found = await lock.check(index, signal)
      if (!found.held) return
      index = found.index
      failures = 0
    } catch (error) {
      if (error instanceof Failure) return // refused, or something else lies there now
      if (!(error instanceof SkeinError)) throw error
      if (failures++ >= retries) return
      await pause(clock, signal)
    }
  }
}
