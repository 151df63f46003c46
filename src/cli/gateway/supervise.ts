/** `skein gateway` with several workers: what is followed here goes to all of them, and their pages are served as one. */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import module from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../../core/log.ts'
import { type Environment, SETTINGS } from '../../core/settings.ts'
import { serveAdmin } from '../../gateway/admin.ts'
import type { GatewayConfig } from '../../gateway/contract.ts'
import { DEFAULT_HOST, DEFAULT_PORT } from '../../gateway/index.ts'
import { workersPages } from '../../gateway/workers/pages.ts'
import { Supervisor } from '../../gateway/workers/supervisor.ts'
import { portable } from './steps.ts'
import type { WorkerSettings } from './worker.ts'

export interface SuperviseOptions {
  /** Configs as they stand in the file or in the registry; functions are put in by the workers. */
  readonly values: AsyncIterable<unknown>
  /** The first of them, checked. */
  readonly first: GatewayConfig
  readonly count: number
  readonly settings: Omit<WorkerSettings, 'temporary'>
  readonly port: number | undefined
  readonly adminPort: number | undefined
  readonly log: Logger
  readonly env: Environment
  /** Called once all workers listen. */
  ready(port: number): void
}

/** Resolves when the values have ended and all workers have drained. @throws WorkerFailed, or the system's error of a port. */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const { values, first, count, log, adminPort } = options
  await refuseTaken(options.port ?? first.port ?? DEFAULT_PORT, first.host ?? DEFAULT_HOST)
  const snapshots = ownSnapshots(options.env)
  const settings: WorkerSettings = { ...options.settings, temporary: snapshots.folder }
  const env = { ...options.env, ...compileCache(), ...snapshots.env }
  const spawn = (number: number) =>
    fork(WORKER, [String(number)], { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const supervisor = new Supervisor({
    count,
    fork: spawn,
    settings,
    port: options.port,
    log,
    watches: !isInspected(env),
  })
  const admin = await serveAdmin(adminPort ?? 0, workersPages(supervisor))
  try {
    let isFirst = true
    for await (const value of values) {
      if (!isFirst) {
        await supervisor.configure(portable(value as GatewayConfig))
        continue
      }
      isFirst = false
      const port = await supervisor.start(portable(value as GatewayConfig))
      log.info({ port, adminPort: admin.port, workers: count }, 'the gateway’s workers listen')
      options.ready(port)
    }
  } finally {
    await supervisor.close()
    await admin.close()
    snapshots.remove()
  }
}

/** Stands beside this file, in a checkout (.ts) and in the built package (.js). */
const WORKER = fileURLToPath(
  new URL(`./worker${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url),
)

/**
 * The workers share the port with whoever says so too, another gateway that was started by mistake as well: so it is tried by one
 * that does not share. @throws the system's error
 */
function refuseTaken(port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve()))
  })
}

/** A breakpoint looks like an event loop that stands still. */
function isInspected(env: Environment): boolean {
  return [...process.execArgv, env['NODE_OPTIONS'] ?? ''].some((word) => word.includes('--inspect'))
}

/** What one worker has compiled, the next one reads. */
function compileCache(): Environment {
  const folder = module.getCompileCacheDir()
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: path.dirname(folder) }
}

/** A worker that begins while the registry is away knows what the others have learnt, also where nobody wants snapshots to stay. */
function ownSnapshots(env: Environment): { readonly folder?: string; readonly env: Environment; remove(): void } {
  if ((env[SETTINGS.snapshots] ?? '') !== '') return { env: {}, remove: () => {} }
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-gateway-'))
  return {
    folder,
    env: { [SETTINGS.snapshots]: folder },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
