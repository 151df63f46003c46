/** A registry, and Consul's command line against it without a process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock } from '../../core/clock.ts'
import type { Environment } from '../../core/settings.ts'
import { type RegistryOptions, startRegistry } from '../../registry/index.ts'
import { createTerminal } from '../ui/terminal.ts'
import { runConsul } from './run.ts'

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly bytes: Buffer
  readonly stderr: string
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array
  readonly env?: Environment
}

export async function consulKit(options: RegistryOptions = {}) {
  const registry = await startRegistry({ port: 0, nodeName: 'node1', ...options })
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-consul-'))
  return {
    registry,
    dir,
    /** Runs with CONSUL_HTTP_ADDR set, in `dir`. */
    run: (argv: readonly string[], { stdin = '', env = {} }: RunOptions = {}) =>
      runIn(dir, argv, stdin, { CONSUL_HTTP_ADDR: `127.0.0.1:${registry.port}`, ...env }),
    /** Writes a file into `dir`; objects as JSON. */
    write(name: string, content: unknown): string {
      writeFileSync(path.join(dir, name), typeof content === 'string' ? content : JSON.stringify(content))
      return name
    },
    async [Symbol.asyncDispose]() {
      await registry.close()
      rmSync(dir, { recursive: true })
    },
  }
}

async function runIn(cwd: string, argv: readonly string[], input: string | Uint8Array, env: Environment): Promise<Ran> {
  const chunks: Uint8Array[] = []
  let stderr = ''
  const stdout = { write: (data: string | Uint8Array) => chunks.push(Buffer.from(data)) }
  const terminal = createTerminal({ stdout, stderr: { write: (text) => (stderr += text) }, env })
  async function* stdin() {
    yield Buffer.from(input)
  }
  const status = await runConsul(argv, { terminal, env, cwd, stdin: stdin(), clock: systemClock })
  const bytes = Buffer.concat(chunks)
  return { status, stdout: bytes.toString(), bytes, stderr }
}
