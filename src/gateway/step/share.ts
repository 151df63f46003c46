import type { Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import type { Exchange } from '../exchange.ts'
import { METHODS } from '../head.ts'
import type { RouteRequest } from '../routes.ts'
import type { Cors, CorsConfig } from '../rule/cors.ts'

const MAX_AGE_SECONDS = 600

/** What only the gateway says where it has a rule: two answers to one question would be read as none. */
const CORS_FIELDS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
]

/** Tells browsers which pages may read the answer, answers their preflights itself, and lets no other page open a WebSocket. */
export const share: Step<Exchange, void> = async (exchange, next) => {
  const cors = exchange.route!.rules.cors!
  if (exchange.upgrading) refuseForeign(exchange, cors)
  tellOrigin(exchange, cors)
  if (preflightMethod(exchange.head) === undefined) return next(exchange)
  answerPreflight(exchange, cors.config)
}

/** The method that a preflight asks for; undefined for every other request. */
export function preflightMethod({ method, headers }: Pick<RouteRequest, 'method' | 'headers'>): string | undefined {
  if (method !== 'OPTIONS' || header(headers, 'origin') === undefined) return undefined
  return header(headers, 'access-control-request-method')
}

/** Of an upgrade browsers ask nobody: any page may open a WebSocket, with its visitor's cookies (RFC 6455 §10.2). */
function refuseForeign({ head, origin }: Exchange, { allowed }: Cors): void {
  const page = header(head.headers, 'origin')
  const isOwn = page === undefined || URL.parse(page)?.host === origin!.host.toLowerCase().replace(/:(80|443)$/, '')
  if (isOwn || allowed(page) !== undefined) return
  throw new SkeinError('FORBIDDEN', 'pages of this origin open no WebSocket here', { reason: 'websocket_origin' })
}

function tellOrigin({ head, answerEdits }: Exchange, { config, allowed }: Cors): void {
  for (const name of CORS_FIELDS) answerEdits.drop(name)
  // A cache must not give one origin's answer to another.
  if (config.origins !== '*') answerEdits.add('vary', 'origin')
  const origin = header(head.headers, 'origin')
  const granted = origin === undefined ? undefined : allowed(origin)
  if (granted === undefined) return
  answerEdits.add('access-control-allow-origin', granted)
  if (config.credentials === true) answerEdits.add('access-control-allow-credentials', 'true')
  if (config.expose !== undefined) answerEdits.add('access-control-expose-headers', config.expose.join(', '))
}

/** The same for every origin: what is not for it, the browser knows by the origin that is missing. */
function answerPreflight(exchange: Exchange, { methods = [...METHODS], headers, maxAgeSeconds }: CorsConfig): void {
  const { head, answerEdits } = exchange
  const asked = header(head.headers, 'access-control-request-headers')
  const allowed = headers?.join(', ') ?? asked
  answerEdits.add('vary', 'access-control-request-method, access-control-request-headers')
  answerEdits.add('access-control-allow-methods', methods.join(', '))
  if (allowed !== undefined) answerEdits.add('access-control-allow-headers', allowed)
  answerEdits.add('access-control-max-age', String(maxAgeSeconds ?? MAX_AGE_SECONDS))
  exchange.reply = { status: 204, headers: [], body: '' }
}
