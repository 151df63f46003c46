import { ConfigError, IssueList } from '../core/issues.ts'
import { type Environment, SETTINGS } from '../core/settings.ts'

/** What speaks HTTP/2 with clients: `wire`, Skein's own engine, or `node`, which is node:http2. */
export type Http2Engine = 'wire' | 'node'

/** The one that SKEIN_HTTP2 asks for, else our own. @throws ConfigError for a name that is none. */
export function http2Engine(environment: Environment): Http2Engine {
  const name = environment[SETTINGS.http2] || 'wire'
  if (name === 'wire' || name === 'node') return name
  const issues = new IssueList('settings')
  issues.add(SETTINGS.http2, `${name} speaks no HTTP/2`, 'Take wire or node, or leave it out')
  throw new ConfigError(issues.issues)
}
