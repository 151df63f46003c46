/** Our own engine as the kit's server: a request costs it less than half of what node:http takes. */
import { ERROR_HEADER } from '../../client/headers.ts'
import type { Clock } from '../../core/clock.ts'
import { affordableConnections } from '../../core/descriptors.ts'
import { SkeinError } from '../../core/errors.ts'
import { httpDate } from '../../core/http-date.ts'
import { WireServer } from '../../wire/server.ts'
import type { WireError } from '../../wire/wire-error.ts'
import { responseHead } from '../../wire/write.ts'
import type { ServerParts, ServiceServer } from './contract.ts'
import { WireInbound } from './wire-inbound.ts'

const HEAD_BYTES = 16 * 1024

const LIMITS = {
  /** Slow heads (slow loris), ms. */
  headMs: 10_000,
  /** Long, as an idle connection costs little: callers that keep theirs do not meet one that is just being closed. */
  keepAliveMs: 75_000,
  headBytes: HEAD_BYTES,
  // Counted by the pipeline, so that the answer has an id and a log line like all others.
  headerFields: HEAD_BYTES,
  targetBytes: HEAD_BYTES,
  requestsPerConnection: Number.POSITIVE_INFINITY,
  /** Events and large answers: longer than any network stands still for. */
  stallMs: 120_000,
}

export function wireServer({ host, pipelining, onRequest }: ServerParts): ServiceServer {
  const { clock } = host
  let listening = false
  const server = new WireServer({
    clock,
    limits: { ...LIMITS, pipelining },
    connectionsMax: affordableConnections(2),
    onRequest: (wire) => onRequest(new WireInbound(wire, clock)),
    onRefused: (connection, error) => connection.answerRefusal(refusal(error, clock)),
    onBodyRefused: () => {}, // whoever reads the body hears of it
    // No file descriptors left, say: the connections that are open go on.
    onError: (err) => {
      if (listening) host.log.error({ err }, 'could not accept a connection')
    },
  })
  return {
    async listen(port, address) {
      const actual = await server.listen(port, address)
      listening = true
      return actual
    },
    stopAccepting: () => server.stopAccepting(),
    destroy: () => void server.destroy(),
  }
}

const CODES = { 408: 'REQUEST_TIMEOUT', 414: 'URI_TOO_LONG', 431: 'HEADERS_TOO_LARGE' } as const

/** To bytes that are no request: one answer in Skein's form, and the connection is over. */
function refusal({ status, message, reason }: WireError, clock: Clock): string {
  const error = new SkeinError(CODES[status as keyof typeof CODES] ?? 'BAD_REQUEST', message, { reason })
  const body = JSON.stringify(error.toBody())
  const fields = ['content-type', 'application/json', ERROR_HEADER, error.code, 'date', httpDate(clock)]
  const control = `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n`
  return responseHead(error.kind.status, fields, control) + body
}
