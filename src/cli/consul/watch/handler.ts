/** The program that a watch runs: the state on its standard input, the index in CONSUL_INDEX. */
import { spawn } from 'node:child_process'
import { Failure } from '../../command.ts'
import type { ConsulSurroundings } from '../contract.ts'

export interface HandlerRun {
  readonly words: readonly string[]
  /** Join the words and let a shell read them. */
  readonly shell: boolean
  readonly input: string
  readonly index: string
  /** Ends it with SIGTERM. */
  readonly signal: AbortSignal
}

/** Resolves when the program has ended well. @throws Failure with its exit status or why it could not be started. */
export function runHandler(run: HandlerRun, { env, cwd, terminal }: ConsulSurroundings): Promise<void> {
  const [program, ...args] = run.shell ? [env['SHELL'] ?? '/bin/sh', '-c', run.words.join(' ')] : run.words
  return new Promise((resolve, reject) => {
    const child = spawn(program!, args, {
      cwd,
      env: { ...env, CONSUL_INDEX: run.index },
      signal: run.signal,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    // Through our own output and not inherited, so that it comes in order with what is written here.
    child.stdout.on('data', (chunk: Uint8Array) => terminal.out.raw(chunk))
    child.stdin.on('error', (error: NodeJS.ErrnoException) => {
      // A handler need not read what it is given.
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
    })
    child.stdin.end(run.input)
    child.once('error', (error) => reject(new Failure(`Error executing handler: ${error.message}`)))
    child.once('close', (code, signal) => {
      if (code === 0) resolve()
      else
        reject(new Failure(`Error executing handler: ${code === null ? `ended by ${signal}` : `exit status ${code}`}`))
    })
  })
}
