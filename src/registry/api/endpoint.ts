/** What an endpoint sees and gives: the contract between the server and the path tables of this folder. */
import type { Writable } from 'node:stream'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { AccessControl } from '../acl/access-control.ts'
import type { Rights } from '../acl/contract.ts'
import type { CheckRunner } from '../checks/runner.ts'
import type { EventLog } from '../event-log.ts'
import type { Leases } from '../leases.ts'
import type { RegistryMetrics } from '../metrics.ts'
import type { SessionKeeper } from '../session-keeper.ts'
import { Refusal } from '../state/refusal.ts'
import type { Store } from '../store.ts'
import type { AnswerCache } from './answer-cache.ts'
import { Encoded, encodeJson } from './encoded.ts'
import type { QueryString } from './query-string.ts'
import type { InstanceFeed } from './skein/feed.ts'

/** What a registry that runs as an agent can be asked to do with its process. */
export interface AgentControl {
  /** Reads the configuration again. @throws with the reason, which the caller is told. */
  reload(): Promise<void>
  /** Begins to end; the answer still gets out. */
  leave(): void
}

/** What all endpoints share. */
export interface Registry {
  readonly store: Store
  readonly checks: CheckRunner
  readonly leases: Leases
  readonly sessions: SessionKeeper
  /** The shortest TTL of a session, ms. */
  readonly sessionTtlMinMs: number
  readonly events: EventLog
  readonly cache: AnswerCache
  /** Changes of instances, for event streams. */
  readonly feed: InstanceFeed
  /** Name of the registry's own node. */
  readonly node: string
  readonly datacenter: string
  /** What a caller without a token may do, as the header X-Consul-Default-ACL-Policy says. */
  readonly defaultPolicy: 'allow' | 'deny'
  /** Who may do what. */
  readonly access: AccessControl
  /** `host:port` that stands for Consul's server port in status/leader. */
  readonly leader: string
  readonly control: AgentControl | undefined
  /** Wall clock, ms. */
  readonly startedAt: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
  readonly counters: RegistryMetrics
}

export interface ApiRequest {
  readonly method: string
  /** Fixed path of the endpoint. */
  readonly path: string
  /** What follows the endpoint's fixed path, percent-decoded. */
  readonly name: string
  readonly query: QueryString
  /** A header's value; `name` in lower case. */
  header(name: string): string | undefined
  /** Address that it comes from. */
  readonly peer: string | undefined
  /** The token that came with it. */
  readonly token: string | undefined
  /** What the caller may do at this moment. @throws Refusal 403 for a token that there is not. */
  readonly rights: Rights
  /** The whole body. @throws Refusal 413 above `maxBytes`. */
  body(maxBytes: number, tooLarge?: (bytes: number) => string): Promise<Buffer>
  /** See Waiting in blocking-query.ts. */
  onGone(run: () => void): () => void
}

export interface Answer {
  readonly status: number
  /** Name, value, name, value. */
  readonly headers: readonly string[]
  readonly body?: Encoded | undefined
  /** In place of a body: called once the head is sent, to write for as long as it likes. */
  readonly stream?: ((out: Writable) => void) | undefined
}

export type Handler = (request: ApiRequest, registry: Registry) => Answer | Promise<Answer>

export interface Endpoint {
  /** Ends with a slash where a name follows. It is also the `endpoint` label of the metrics. */
  readonly path: string
  readonly GET?: Handler
  readonly PUT?: Handler
  readonly POST?: Handler
  readonly DELETE?: Handler
}

export const UNKNOWN_PATH = 'Invalid URL path: not a recognized HTTP API endpoint\n'

export const JSON_TYPE = ['Content-Type', 'application/json']

export function json(value: unknown, status = 200, headers: readonly string[] = []): Answer {
  return { status, headers: [...JSON_TYPE, ...headers], body: new Encoded(encodeJson(value)) }
}

/** Success that has nothing to say: 200, never 204. */
export function empty(): Answer {
  return { status: 200, headers: JSON_TYPE }
}

export function text(status: number, body: string, headers: readonly string[] = []): Answer {
  return { status, headers: ['Content-Type', 'text/plain; charset=utf-8', ...headers], body: new Encoded(body) }
}

/** What another registry on the same store has just registered may not be here yet: look again before saying that it is not. */
export async function lookTwice({ store }: Registry, isThere: () => boolean): Promise<void> {
  if (store.shared && !isThere()) await store.catchUp()
}

/** Bodies of registrations and updates. Larger ones are nobody's service. */
export const BODY_MAX_BYTES = 1024 * 1024

/** The name after the path. @throws Refusal 400 with `missing` when there is none. */
export function nameOf(request: ApiRequest, missing: string): string {
  if (request.name === '') throw new Refusal(400, missing)
  return request.name
}

const UUID_LENGTH = 36

/** The ID in lower case. @throws Refusal 500 for what no `what` could ever be called. */
export function checkUuid(id: string, what: string): string {
  if (id.length === UUID_LENGTH) return id.toLowerCase()
  throw new Refusal(500, `failed ${what} lookup: index error: UUID must be ${UUID_LENGTH} characters`)
}
