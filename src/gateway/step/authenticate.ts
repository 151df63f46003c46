import type { Step } from '../../core/compose.ts'
import { asSkeinError, SkeinError } from '../../core/errors.ts'
import type { Auth } from '../auth/auth.ts'
import { headerText } from '../auth/claims.ts'
import type { AuthRequest, Decision } from '../auth/contract.ts'
import { isOwnCookie } from '../auth/oidc/cookies.ts'
import type { Exchange } from '../exchange.ts'
import type { FieldEdits } from '../field-edits.ts'
import { forwardedHeaders } from '../forwarded.ts'
import { asPartOf } from '../outbound.ts'

/** Tells upstreams who asks. Fields called x-skein-* never come in from outside. */
const SUBJECT_HEADER = 'x-skein-subject'
/** Whose word that is: two issuers may know two people by the same name. */
const ISSUER_HEADER = 'x-skein-issuer'

/** Lets in who has a key or token, where the route asks for one, and tells the upstream who it is. */
export const authenticate: Step<Exchange, void> = async (exchange, next) => {
  const auth = exchange.route!.rules.auth!
  const decision = await decided(exchange, auth)
  if ('reply' in decision) {
    exchange.reply = decision.reply
    exchange.error = decision.error
    return
  }
  const { identity } = decision
  exchange.identity = identity
  if (identity !== undefined) exchange.requestEdits.put(SUBJECT_HEADER, headerText(identity.name))
  if (identity?.issuer !== undefined) exchange.requestEdits.put(ISSUER_HEADER, headerText(identity.issuer))
  return next(exchange)
}

async function decided(exchange: Exchange, auth: Auth): Promise<Decision> {
  try {
    return await decide(requestOf(exchange), exchange.requestEdits, auth)
  } catch (error) {
    challenge(exchange, auth, asSkeinError(error))
    throw error
  }
}

async function decide(request: AuthRequest, edits: FieldEdits, { authenticators, optional }: Auth): Promise<Decision> {
  for (const authenticator of authenticators) {
    const decision = await authenticator.decide(request, edits)
    if (decision !== undefined) return decision
  }
  if (optional) return { identity: undefined }
  throw new SkeinError('UNAUTHENTICATED', 'this needs an API key, a token or a sign-in', { reason: 'no_credentials' })
}

function requestOf(exchange: Exchange): AuthRequest {
  const { origin, connection, head, params, target, signal, route } = exchange
  const { path, query } = target!
  return {
    ...{ ip: origin!.ip, port: connection.port, headers: head.headers, params, query, signal },
    method: head.method,
    path,
    origin: `${origin!.proto}://${origin!.host}`,
    upgrading: exchange.upgrading,
    target: query === '' ? path : `${path}?${query}`,
    forwarded: forwardedHeaders(origin!),
    hides: route!.hidden?.cookie ?? isOwnCookie,
    tell: (name, value) => exchange.answerEdits.add(name, value),
    asPartOf: (call) => asPartOf(exchange, call),
  }
}

/** RFC 6750 §3: what was wrong, in words that programs know. */
function challenge({ answerEdits }: Exchange, { authenticators }: Auth, error: SkeinError): void {
  const schemes = new Set(authenticators.map(({ scheme }) => scheme))
  const isBearer = schemes.has('Bearer')
  if (error.code === 'FORBIDDEN' && isBearer) {
    answerEdits.put('www-authenticate', 'Bearer error="insufficient_scope"')
  } else if (error.code === 'UNAUTHENTICATED') {
    const isToken = String(error.details['reason']).startsWith('token_')
    answerEdits.put('www-authenticate', isToken ? 'Bearer error="invalid_token"' : [...schemes].join(', '))
  }
}
