/** One line a request, written when its answer is out or its caller gone. */
import type { Exchange, ServiceStep } from '../exchange.ts'

/** Status in log and metrics for a caller that went away before the answer was complete (nginx's number). */
const CLIENT_CLOSED = 499

export const accessLog: ServiceStep = (exchange, next) => {
  exchange.onEnd(() => {
    exchange.host.log.info({
      kind: 'access',
      method: exchange.method,
      path: exchange.path,
      operation: exchange.operation,
      status: finalStatus(exchange),
      durationMs: Math.round((exchange.host.clock.monotonic() - exchange.startedAt) * 1000) / 1000,
      requestId: exchange.requestId,
      traceId: exchange.trace.traceId,
      ...(exchange.code === undefined ? {} : { code: exchange.code }),
    })
  })
  return next(exchange)
}

export function finalStatus({ inbound, brokeOff }: Exchange): number {
  return inbound.delivered || brokeOff ? inbound.status : CLIENT_CLOSED
}
