import type { Step } from '../../core/compose.ts'
import { asSkeinError, SkeinError } from '../../core/errors.ts'
import type { Auth } from '../auth/auth.ts'
import type { Identity } from '../auth/contract.ts'
import { headerText } from '../auth/tokens.ts'
import type { Exchange } from '../exchange.ts'

/** Tells upstreams who asks. Fields called x-skein-* never come in from outside. */
const SUBJECT_HEADER = 'x-skein-subject'

/** Lets in who has a key or token, where the route asks for one, and tells the upstream who it is. */
export const authenticate: Step<Exchange, void> = async (exchange, next) => {
  const auth = exchange.route!.rules.auth!
  for (const name of auth.authenticators.flatMap(({ ownFields }) => ownFields)) exchange.requestEdits.drop(name)
  try {
    exchange.identity = await identify(exchange, auth)
  } catch (error) {
    challenge(exchange, auth, asSkeinError(error))
    throw error
  }
  if (exchange.identity !== undefined) exchange.requestEdits.put(SUBJECT_HEADER, headerText(exchange.identity.name))
  return next()
}

async function identify(exchange: Exchange, { authenticators, optional }: Auth): Promise<Identity | undefined> {
  const { origin, connection, head, params, target } = exchange
  const request = { ip: origin!.ip, port: connection.port, headers: head.headers, params, query: target!.query }
  for (const authenticator of authenticators) {
    const identity = await authenticator.identify(request, exchange.requestEdits)
    if (identity !== undefined) return identity
  }
  if (optional) return undefined
  throw new SkeinError('UNAUTHENTICATED', 'this needs an API key or a token', { reason: 'no_credentials' })
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
