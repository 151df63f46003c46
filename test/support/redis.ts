/** A real redis-server: its own process, its own folder, started and stopped by its own id. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../../src/core/free-port.ts'
import { findProgram, needsProgram, type Skip } from './needs.ts'

export function needsRedis(): Skip {
  return needsProgram('redis-server')
}

export class RedisProcess {
  readonly port: number
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'skein-redis-'))
  readonly #options: readonly string[]
  #child: ChildProcess | undefined

  private constructor(port: number, options: readonly string[]) {
    this.port = port
    this.#options = options
  }

  /** Resolves when it accepts connections. `options` as on its command line; nothing is kept on disk. */
  static async start(options: readonly string[] = []): Promise<RedisProcess> {
    const redis = new RedisProcess(await freePort(), options)
    await redis.start()
    return redis
  }

  async start(): Promise<void> {
    const own = ['--port', this.port, '--bind', '127.0.0.1', '--dir', this.#folder, '--save', '', '--daemonize', 'no']
    const child = spawn(findProgram('redis-server')!, [...own.map(String), ...this.#options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    const said: string[] = []
    for await (const line of createInterface({ input: child.stdout! })) {
      said.push(line)
      if (line.includes('Ready to accept connections')) return void child.stdout!.resume()
    }
    throw new Error(`redis-server has ended:\n${said.join('\n')}`)
  }

  /** As `kill` does; resolves for SIGKILL when it is dead. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child!
    const gone = signal === 'SIGKILL' ? once(child, 'exit') : undefined
    child.kill(signal)
    await gone
  }

  async stop(): Promise<void> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) await this.signal('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
