import type { Step } from '../../core/compose.ts'
import { discard } from '../discard.ts'
import type { Exchange, Parts } from '../exchange.ts'
import { noteHidden } from '../note-hidden.ts'
import { asPartOf, outboundRequest } from '../outbound.ts'

/** Copies under way in one gateway; beyond that none are made: a slow copy must not cost the true service memory. */
const COPIES_MAX = 256

/** Sends a copy to another service and forgets its answer. Only requests whose body was read as a whole can be copied. */
export function mirror(parts: Parts): Step<Exchange, void> {
  const { random, metrics } = parts
  let underWay = 0
  return (exchange, next) => {
    const config = exchange.route!.config.mirror!
    if (random() * 100 >= (config.percent ?? 100)) return next(exchange)
    const { name } = exchange.route!
    if (!isRepeatable(exchange) || underWay >= COPIES_MAX) {
      metrics.mirrored.with(name, 'left_out').value++
      return next(exchange)
    }
    underWay++
    void copy(exchange, config.to, parts)
      .then((outcome) => metrics.mirrored.with(name, outcome).value++)
      .finally(() => underWay--)
    return next(exchange)
  }
}

function isRepeatable({ body, upgrading }: Exchange): boolean {
  return !upgrading && (body === undefined || typeof body === 'string' || body instanceof Uint8Array)
}

/** Its status or the code of its error. Once and no more: a copy is not worth a retry. The client's end does not end it. */
async function copy(exchange: Exchange, service: string, { caller, clock, limits, log }: Parts): Promise<string> {
  try {
    const request = outboundRequest(exchange, limits)
    const headers = [...request.headers, 'x-skein-mirror', '1']
    const policy = { ...request.policy, attempts: 1, hedge: undefined }
    const answer = await asPartOf(exchange, () =>
      caller.request({ ...request, service, headers, policy, signal: undefined }),
    )
    discard(answer.source, clock)
    return String(answer.status)
  } catch (error) {
    return noteHidden(log, error, { service, requestId: exchange.requestId }, 'a copy failed').code
  }
}
