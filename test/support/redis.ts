/** A real redis-server: its own process, its own folder, started and stopped by its own id. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from '../../src/core/free-port.ts'
import { ServerProcess } from './child.ts'
import { findProgram, needsProgram, type Skip } from './needs.ts'

export function needsRedis(): Skip {
  return needsProgram('redis-server')
}

export class RedisProcess extends ServerProcess {
  readonly port: number
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'skein-redis-'))
  readonly #options: readonly string[]

  private constructor(port: number, options: readonly string[]) {
    super()
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
    await this.begin(child, 'Ready to accept connections')
  }

  override async stop(): Promise<void> {
    await super.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
