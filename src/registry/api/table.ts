/** All endpoints, by group. A new endpoint is a line in its group's table. */
import { ABSENT } from './absent.ts'
import { ACL } from './acl/paths.ts'
import { AGENT } from './agent.ts'
import { AGENT_CHECK_PATHS } from './agent-check.ts'
import { AGENT_HEALTH } from './agent-health.ts'
import { AGENT_SERVICE } from './agent-service.ts'
import { CATALOG } from './catalog.ts'
import { COORDINATE } from './coordinate.ts'
import type { Endpoint } from './endpoint.ts'
import { EVENT } from './event.ts'
import { HEALTH } from './health.ts'
import { KV } from './kv.ts'
import { OPERATOR } from './operator.ts'
import { QUERY } from './query.ts'
import { SESSION } from './session.ts'
import { SKEIN } from './skein/paths.ts'
import { STATUS } from './status.ts'
import { TXN } from './txn.ts'

export const ENDPOINTS: readonly Endpoint[] = [
  ...ACL,
  ...AGENT,
  ...AGENT_SERVICE,
  ...AGENT_CHECK_PATHS,
  ...AGENT_HEALTH,
  ...CATALOG,
  ...HEALTH,
  ...COORDINATE,
  ...EVENT,
  ...KV,
  ...OPERATOR,
  ...QUERY,
  ...SESSION,
  ...STATUS,
  ...TXN,
  ...ABSENT,
  ...SKEIN,
]

export interface Match {
  readonly endpoint: Endpoint
  readonly name: string
}

/** Exact paths before prefixes, the longest prefix first. */
export class PathTable {
  readonly #exact: ReadonlyMap<string, Endpoint>
  readonly #prefixes: readonly Endpoint[]

  constructor(endpoints: readonly Endpoint[]) {
    this.#exact = new Map(endpoints.filter(({ path }) => !path.endsWith('/')).map((one) => [one.path, one]))
    this.#prefixes = endpoints.filter(({ path }) => path.endsWith('/')).sort((a, b) => b.path.length - a.path.length)
  }

  match(path: string): Match | undefined {
    const exact = this.#exact.get(path)
    if (exact !== undefined) return { endpoint: exact, name: '' }
    const endpoint = this.#prefixes.find((one) => path.startsWith(one.path))
    return endpoint && { endpoint, name: path.slice(endpoint.path.length) }
  }
}
