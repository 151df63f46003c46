import { statusName } from '../../client/grpc.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { causeOf, reasonOf } from '../public-error.ts'

/** One line a request, when its answer is complete (for a WebSocket: when it closes). */
export function accessLog({ log, clock }: Parts): (exchange: Exchange) => void {
  return (exchange) => {
    // The line costs more than the rest of the step; where nobody reads it, it is not made.
    if (log.isLevelEnabled('info')) log.info(accessLine(exchange, clock.monotonic() - exchange.startedAt), 'request')
  }
}

function accessLine(exchange: Exchange, durationMs: number): Record<string, unknown> {
  const { head, error, route, attempts } = exchange
  return {
    kind: 'access',
    method: head.method,
    path: pathOf(head.target),
    route: route?.name,
    status: exchange.status,
    grpcStatus: exchange.grpcStatus === undefined ? undefined : statusName(exchange.grpcStatus),
    durationMs: round(durationMs),
    requestId: exchange.requestId,
    traceId: exchange.trace?.traceId,
    client: exchange.origin?.ip ?? exchange.connection.ip,
    subject: exchange.identity?.subject,
    instance: exchange.instance,
    attempts: attempts.map(({ durationMs: ms, address, ...attempt }) => ({ ...attempt, durationMs: round(ms) })),
    bytes: exchange.bytes,
    ...(error === undefined ? {} : { code: error.code, reason: reasonOf(error), cause: causeOf(error) }),
  }
}

/** Without the query, where tokens and names of people are found. */
function pathOf(target: string): string {
  return target.split('?', 1)[0]!.slice(0, 2048)
}

const round = (ms: number) => Math.round(ms * 100) / 100
