/** `skein registry`: the registry, in a process of its own. */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { reportReady } from '../../core/parent.ts'
import { SETTINGS } from '../../core/settings.ts'
import { startRegistry } from '../../registry/index.ts'
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { DEFAULT_REGISTRY_DATA, DEFAULT_REGISTRY_PORT } from '../define.ts'
import { untilAskedToEnd } from '../lifetime.ts'
import { processLog } from '../ui/process-log.ts'
import { explainListenError } from '../up/ports.ts'

const DATABASE = 'registry.db'

const OPTIONS = {
  port: { kind: 'port', description: `Default: ${DEFAULT_REGISTRY_PORT}; 0 = any free one.` },
  host: { kind: 'text', description: 'Address to listen on. Default: 127.0.0.1.' },
  data: { kind: 'text', value: 'folder', description: `Where the database lies. Default: ${DEFAULT_REGISTRY_DATA}.` },
  memory: { kind: 'flag', description: 'Keep everything in memory: it is gone with the process.' },
  datacenter: { kind: 'text', value: 'name', description: 'Name of the datacenter. Default: dc1.' },
} as const satisfies Options

export default defineCommand({
  name: 'registry',
  usage: '[options]',
  description: `Serves Consul's HTTP API: services, health checks, KV, sessions. Any Consul client in any language can use it.
A write is acknowledged when it is on disk (SQLite), and survives kill -9. Beyond loopback it wants a token from its
clients: the one in SKEIN_REGISTRY_TOKEN.`,
  options: OPTIONS,
  examples: [
    ['skein registry', 'on 127.0.0.1:8500, its data in .skein/registry'],
    ['skein registry --port 8600 --data /var/lib/skein', 'elsewhere'],
    ['skein registry --memory --port 0', 'for a test: a free port, nothing on disk'],
  ],
  failure: 'the port or the folder cannot be had',
  async run({ options, terminal, env, cwd }: Context<typeof OPTIONS>) {
    const log = processLog('registry', terminal)
    const asked = untilAskedToEnd()
    const port = options.port ?? DEFAULT_REGISTRY_PORT
    const storage = chooseStorage(options, cwd)
    try {
      const { host, datacenter } = options
      const registry = await startRegistry({ host, port, storage, datacenter, token: env[SETTINGS.token], log })
      reportReady(registry.port)
      await asked
      await registry.close()
    } catch (error) {
      throw await explainListenError(error, 'registry', '--port')
    }
    return 0
  },
})

function chooseStorage(
  { memory, data }: Context<typeof OPTIONS>['options'],
  cwd: string,
): 'memory' | { sqlite: string } {
  if (memory === true && data !== undefined) throw new UsageError('give --memory or --data, not both')
  if (memory === true) return 'memory'
  const folder = path.resolve(cwd, data ?? DEFAULT_REGISTRY_DATA)
  mkdirSync(folder, { recursive: true })
  return { sqlite: path.join(folder, DATABASE) }
}
