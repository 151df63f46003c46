/** The servers that there are, and which one an app gets. */
import { ConfigError, IssueList } from '../core/issues.ts'
import { type Environment, SETTINGS } from '../core/settings.ts'
import type { App } from './servable.ts'
import type { ServerName, ServerParts, ServiceServer } from './server/contract.ts'
import { nodeServer } from './server/node.ts'
import { wireServer } from './server/wire.ts'

export const SERVERS: Readonly<Record<ServerName, (parts: ServerParts) => ServiceServer>> = {
  wire: wireServer,
  node: nodeServer,
}

const DEFAULT_SERVER: ServerName = 'wire'

/**
 * What the app needs, else `asked`, else SKEIN_SERVER, else the default.
 * @throws ConfigError for a name that is none, or one that was asked for and is not the app's.
 */
export function serverFor({ server: needed }: App, asked: ServerName | undefined, env: Environment): ServerName {
  const name = asked ?? (env[SETTINGS.server] || (needed ?? DEFAULT_SERVER))
  const issues = new IssueList('settings')
  const key = asked === undefined ? SETTINGS.server : 'server'
  if (!isServer(name)) issues.add(key, `${name} is no server`, `Take one of ${Object.keys(SERVERS).join(', ')}`)
  else if (asked !== undefined && needed !== undefined && asked !== needed)
    issues.add(key, `an app of another framework needs ${needed}`, 'Leave it out')
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  return needed ?? (name as ServerName)
}

const isServer = (name: string): name is ServerName => Object.hasOwn(SERVERS, name)
