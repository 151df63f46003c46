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
  readonly #prefixes: ReadonlyMap<string, Endpoint>
  /** Slashes of the longest prefix. */
  readonly #depth: number

  constructor(endpoints: readonly Endpoint[]) {
    this.#exact = new Map(endpoints.filter(({ path }) => !path.endsWith('/')).map((one) => [one.path, one]))
    this.#prefixes = new Map(endpoints.filter(({ path }) => path.endsWith('/')).map((one) => [one.path, one]))
    this.#depth = Math.max(0, ...[...this.#prefixes.keys()].map((path) => path.split('/').length - 1))
  }

  match(path: string): Match | undefined {
    const exact = this.#exact.get(path)
    if (exact !== undefined) return { endpoint: exact, name: '' }
    let endpoint: Endpoint | undefined
    for (
      let at = path.indexOf('/'), depth = 0;
      at >= 0 && depth < this.#depth;
      at = path.indexOf('/', at + 1), depth++
    ) {
      endpoint = this.#prefixes.get(path.slice(0, at + 1)) ?? endpoint
    }
    return endpoint && { endpoint, name: path.slice(endpoint.path.length) }
  }
}
