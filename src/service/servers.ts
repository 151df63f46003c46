/** The servers that there are, and which one an app gets. */
import { ConfigError, IssueList } from '../core/issues.ts'
import { type Environment, SETTINGS } from '../core/settings.ts'
import type { App, ServerName } from './servable.ts'
import type { ServerParts, ServiceServer } from './server/contract.ts'
import { nodeServer } from './server/node.ts'
import { wireServer } from './server/wire.ts'

export const SERVERS: Readonly<Record<ServerName, (parts: ServerParts) => ServiceServer>> = {
  wire: wireServer,
  node: nodeServer,
}

const DEFAULT_SERVER: ServerName = 'wire'
/** What a turn of a busy caller brings; more would wait for one another for longer than they save. */
const PIPELINING = 8
const PIPELINING_MAX = 64

export interface ServerChoice {
  readonly name: ServerName
  /** How many safe requests of one connection are served side by side. */
  readonly pipelining: number
}

export interface ServerOptions {
  /**
   * What serves: `wire`, Skein's own HTTP engine, or `node`, which is node:http. Default SKEIN_SERVER, else wire; apps of
   * other frameworks always get node.
   */
  readonly server?: ServerName | undefined
  /**
   * How many GETs of one connection are served side by side. Callers learn it from the registry and send theirs together, which
   * costs both sides less. 1 turns it off. Default SKEIN_PIPELINING, else 8; always 1 on node.
   */
  readonly pipelining?: number | undefined
}

/**
 * The server that the app needs, else the one that was asked for, else SKEIN_SERVER, else the default.
 * @throws ConfigError for a name that is none, or one that was asked for and is not the app's, and for a number that is none.
 */
export function serverFor({ server: needed }: App, options: ServerOptions, env: Environment): ServerChoice {
  const { server: asked } = options
  const pipelining = options.pipelining ?? Number(env[SETTINGS.pipelining] || PIPELINING)
  const name = asked ?? (env[SETTINGS.server] || (needed ?? DEFAULT_SERVER))
  const issues = new IssueList('settings')
  const key = asked === undefined ? SETTINGS.server : 'server'
  if (!isServer(name)) issues.add(key, `${name} is no server`, `Take one of ${Object.keys(SERVERS).join(', ')}`)
  else if (asked !== undefined && needed !== undefined && asked !== needed)
    issues.add(key, `an app of another framework needs ${needed}`, 'Leave it out')
  if (!Number.isInteger(pipelining) || pipelining < 1 || pipelining > PIPELINING_MAX)
    issues.add(
      options.pipelining === undefined ? SETTINGS.pipelining : 'pipelining',
      `${pipelining} is not a whole number from 1 to ${PIPELINING_MAX}`,
      'Correct it; 1 turns it off',
    )
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  const actual = needed ?? (name as ServerName)
  return { name: actual, pipelining: actual === 'wire' ? pipelining : 1 }
}

const isServer = (name: string): name is ServerName => Object.hasOwn(SERVERS, name)
