/** What the three adapters share: an app that answers by itself, inside Skein's health, log, trace, metrics and lifecycle. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { runInContext } from '../../core/context.ts'
import { ConfigError, IssueList } from '../../core/issues.ts'
import { checkLimit, checkServiceName } from '../check-definition.ts'
import type { Exchange } from '../exchange.ts'
import type { LimitConfig } from '../limit/limits.ts'
import type { About, App, AppHooks, Servable } from '../servable.ts'

/** A listener of node:http's `request`. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => unknown

export interface AdaptOptions extends AppHooks, About {
  /** How many requests are worked on at a time: `adaptive` (default), a number, or false for no limit. */
  readonly limit?: LimitConfig | undefined
  /** Time to receive a whole request, ms; default 300,000, as node:http has it: an app may take uploads. */
  readonly requestTimeoutMs?: number | undefined
  /** For apps that take upgrades (WebSocket): a listener of node:http's `upgrade`. */
  readonly upgrade?: App['upgrade']
}

const REQUEST_TIMEOUT_MS = 300_000

/** @throws ConfigError when `name` cannot be a host name */
export function adaptApp(name: string, handler: NodeHandler, options: AdaptOptions): Servable {
  const issues = new IssueList(`service ${name}`)
  checkServiceName(name, issues)
  checkLimit('options.limit', options.limit, issues)
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  const {
    health,
    onStart,
    onStop,
    version,
    tags,
    meta,
    upgrade,
    limit,
    requestTimeoutMs = REQUEST_TIMEOUT_MS,
  } = options
  return {
    name,
    '~app': {
      handle: (exchange) => handOver(exchange, handler),
      server: 'node',
      limit,
      upgrade,
      requestTimeoutMs,
      hooks: { health, onStart, onStop },
      about: { version, tags, meta },
    },
  }
}

/** The app's routes are its own: the method is all that can be said of its operations without guessing. */
async function handOver(exchange: Exchange, handler: NodeHandler): Promise<undefined> {
  const { request, response } = exchange.inbound.node!
  exchange.operation = exchange.method
  response.setHeader('x-request-id', exchange.requestId)
  if (exchange.host.phase !== 'serving') response.shouldKeepAlive = false
  await runInContext(exchange.callContext, () => handler(request, response))
  return undefined
}
