/** The program that a watch runs: the state on its standard input, the index in CONSUL_INDEX. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Environment } from '../../../core/settings.ts'
import { Failure } from '../../command.ts'
import { HAS_GROUPS, programOf, sendSignal } from '../program.ts'
import type { Change } from './changes.ts'

type Program = ChildProcessByStdio<Writable, Readable, null>

export interface HandlerRun extends Change {
  readonly words: readonly string[]
  /** Join the words and let a shell read them. */
  readonly shell: boolean
  /** Ends it, and what it has started, with SIGTERM. */
  readonly signal: AbortSignal
  readonly env: Environment
  readonly cwd: string
  /** Takes what it writes to its standard output. */
  write(chunk: Uint8Array): void
}

/** Resolves when the program has ended well. @throws Failure with its exit status or why it could not be started. */
export function runHandler(run: HandlerRun): Promise<void> {
  const { env, cwd, signal } = run
  const [program, ...args] = programOf(run.words, run.shell, env)
  const child = spawn(program, args, {
    cwd,
    env: { ...env, CONSUL_INDEX: run.index },
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: HAS_GROUPS,
  })
  const stop = () => end(child)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  // Through our own output and not inherited, so that it comes in order with what is written here.
  child.stdout.on('data', (chunk: Uint8Array) => run.write(chunk))
  return feed(child, `${run.json}\n`).finally(() => signal.removeEventListener('abort', stop))
}

function feed(child: Program, input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdin.on('error', (error: NodeJS.ErrnoException) => {
      // A handler need not read what it is given.
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
    })
    child.stdin.end(input)
    child.once('error', (error) => reject(new Failure(`Error executing handler: ${error.message}`)))
    child.once('close', (code, signal) => {
      if (code === 0) resolve()
      else
        reject(new Failure(`Error executing handler: ${code === null ? `ended by ${signal}` : `exit status ${code}`}`))
    })
  })
}

/** With all that it has started; who left the group and holds the pipe does not hold up this process. */
function end(child: Program): void {
  sendSignal(child, 'SIGTERM', HAS_GROUPS)
  child.stdout.destroy()
}
