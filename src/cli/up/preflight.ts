/** What `skein up` looks at before it starts anything, so that a refusal leaves nothing behind. */
import { findRunning } from '../../control/runfile.ts'
import { SkeinError } from '../../core/errors.ts'
import { type Environment, registryToken } from '../../core/settings.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { Failure } from '../command.ts'
import { shortPath } from '../config/load.ts'
import type { Plan } from './plan.ts'
import { refuseTakenPorts, wantedPorts } from './ports.ts'

const REGISTRY_TIMEOUT_MS = 5000

/** Instances are groups of processes, and the other commands find the fleet by a unix socket. @throws Failure */
export function refusePlatform(platform: NodeJS.Platform): void {
  if (platform !== 'win32') return
  throw new Failure(
    'skein up does not run on Windows: it has no process groups, and no unix sockets for Node',
    'Run it in WSL. skein registry, skein gateway and skein run need neither.',
  )
}

/** Two fleets of one config would fight for its ports, its database and its name. @throws Failure */
export async function refuseSecond(file: string, cwd: string): Promise<void> {
  const other = await findRunning({ cwd, config: file })
  if (other === undefined) return
  const message = `${shortPath(other.config, cwd)} is running already, as pid ${other.pid}`
  throw new Failure(message, 'skein ps shows it, skein stop ends it.')
}

/** @throws Failure when a port is taken, or the registry that the config names does not answer. */
export async function preflight(plan: Plan, cwd: string, env: Environment): Promise<void> {
  const file = shortPath(plan.file, cwd)
  await refuseTakenPorts(wantedPorts(plan), file)
  if (plan.registry.start === undefined) await refuseAwayRegistry(plan.registry.url, file, env)
}

async function refuseAwayRegistry(address: string, file: string, env: Environment): Promise<void> {
  const way = `Start it, correct registry.address in ${file}, or leave it out: then skein up starts a registry.`
  const consul = new ConsulClient({ address, token: registryToken(env) })
  try {
    const { status, body } = await consul.get('/v1/status/leader', { timeoutMs: REGISTRY_TIMEOUT_MS })
    if (status === 200 && typeof body === 'string') return
    throw new Failure(`what answers at ${address} is no registry: GET /v1/status/leader gives ${status}`, way)
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error
    throw new Failure(error.message, way)
  } finally {
    await consul.close()
  }
}
