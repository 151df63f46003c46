/** The program that runs while a lock is held. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Clock } from '../../../core/clock.ts'
import type { Environment } from '../../../core/settings.ts'
import { HAS_GROUPS, programOf, sendSignal } from '../program.ts'

/** Time to clean up between SIGTERM and SIGKILL, ms: shorter than the lock-delay, within which nobody else gets the lock. */
const GRACE_MS = 5000
const RELAYED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const

export interface ChildOptions {
  readonly words: readonly string[]
  /** Join the words and let a shell read them. */
  readonly shell: boolean
  /** It reads the standard input of this process; otherwise it has none. */
  readonly stdin: boolean
  readonly env: Environment
  readonly cwd: string
  readonly clock: Clock
}

export class Child {
  /** Undefined when it ended well, else what went wrong. Never rejects. */
  readonly ended: Promise<string | undefined>
  readonly #child: ChildProcess
  readonly #group: boolean
  readonly #clock: Clock

  constructor({ words, shell, stdin, env, cwd, clock }: ChildOptions) {
    const [program, ...args] = programOf(words, shell, env)
    this.#clock = clock
    // A group of its own could not read from a terminal.
    this.#group = !stdin && HAS_GROUPS
    this.#child = spawn(program, args, {
      cwd,
      env: { ...env, CONSUL_LOCK_HELD: 'true' },
      stdio: [stdin ? 'inherit' : 'ignore', 'inherit', 'inherit'],
      detached: this.#group,
    })
    for (const signal of RELAYED) process.on(signal, this.#send)
    this.ended = endOf(this.#child).finally(() => {
      for (const signal of RELAYED) process.off(signal, this.#send)
    })
  }

  /** Asks it to end, kills it after a grace; resolves when it has gone. */
  async end(): Promise<void> {
    this.#send('SIGTERM')
    const kill = this.#clock.after(GRACE_MS, () => this.#send('SIGKILL'), true)
    await this.ended
    kill.cancel()
  }

  readonly #send = (signal: NodeJS.Signals) => sendSignal(this.#child, signal, this.#group)
}

function endOf(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`Error executing handler: ${error.message}`))
    child.once('close', (code, signal) => {
      const how = code === null ? `ended by ${signal}` : `exit status ${code}`
      resolve(code === 0 ? undefined : `Error running handler: ${how}`)
    })
  })
}
