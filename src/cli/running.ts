/** The fleet that runs already: how the commands beside `skein up` find it and speak with it. */
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { ControlClient } from '../control/client.ts'
import { findRunning, type RunInfo, socketPath } from '../control/runfile.ts'
import { askPid } from '../control/socket.ts'
import { SkeinError } from '../core/errors.ts'
import { type ExitStatus, Failure, type Option } from './command.ts'
import { findConfig, shortPath } from './config/load.ts'

/** The option by which every such command names the fleet. */
export const CONFIG_OPTION = {
  kind: 'text',
  short: 'c',
  value: 'file',
  description: 'The config of the fleet. Default: the nearest one, here or above.',
} as const satisfies Option

/** Calls `use` with the fleet that runs here. @throws Failure when none does, or it does not answer. */
export async function withFleet(
  cwd: string,
  config: string | undefined,
  use: (fleet: ControlClient, info: RunInfo) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const info = await runningInfo(cwd, config)
  if (info === undefined)
    throw new Failure('no fleet runs here', 'Start one with skein up, or name its config with --config <file>.')
  await refuseSilent(info, cwd)
  return use(new ControlClient(info.socket), info)
}

/** A fleet that is stopped would be waited for without end. */
async function refuseSilent({ socket, config, pid }: RunInfo, cwd: string): Promise<void> {
  if ((await askPid(socket)) !== 'silent') return
  const fix = `If Ctrl-Z has stopped it, fg there or kill -CONT ${pid} lets it go on.`
  throw new Failure(`the fleet of ${shortPath(config, cwd)} (pid ${pid}) does not answer`, fix)
}

/**
 * The fleet of `config`, else the nearest one in `cwd` or above, else the only one below: `skein up --config shop/…` was then
 * started from here. @throws Failure when several run below.
 */
export async function runningInfo(cwd: string, config?: string): Promise<RunInfo | undefined> {
  if (config !== undefined) return findRunning({ cwd, config: findConfig(config, cwd) })
  const above = await findRunning({ cwd })
  if (above !== undefined) return above
  const below = await fleetsBelow(cwd)
  if (below.length < 2) return below[0]
  const files = below.map((info) => shortPath(info.config, cwd)).join(', ')
  throw new Failure(`several fleets run below: ${files}`, 'Name one with --config <file>.')
}

/** Of this user's fleets on this machine, those whose config lies below `cwd`. */
async function fleetsBelow(cwd: string): Promise<RunInfo[]> {
  const configs = await Promise.all(controlSockets().map(configOf))
  const below = configs.filter((file) => file?.startsWith(cwd + path.sep))
  const found = await Promise.all(below.map((file) => findRunning({ cwd, config: file })))
  return found.filter((info) => info !== undefined)
}

/** Sockets of this user's fleets: they lie in folders that differ in a hash at the end of the name. */
function controlSockets(): string[] {
  const sample = socketPath('any')
  const folder = path.dirname(sample)
  const prefix = folder.slice(0, folder.lastIndexOf('-') + 1)
  const root = path.dirname(folder)
  const folders = readdirSync(root).map((name) => path.join(root, name))
  const own = folders.filter((name) => name.startsWith(prefix))
  return own.map((name) => path.join(name, path.basename(sample))).filter((file) => existsSync(file))
}

/** The config of the fleet on a socket; undefined when it has gone meanwhile, or does not answer. */
async function configOf(socket: string): Promise<string | undefined> {
  if (typeof (await askPid(socket)) !== 'number') return undefined
  try {
    const info = (await new ControlClient(socket).info()) as Partial<RunInfo>
    return info.config
  } catch (error) {
    if (error instanceof SkeinError) return undefined
    throw error
  }
}
