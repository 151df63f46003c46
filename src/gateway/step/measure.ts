import type { Step } from '../../core/compose.ts'
import type { Exchange, Parts } from '../exchange.ts'

/** Counts and times every request by route and status. */
export function measure({ metrics, clock }: Parts): Step<Exchange, void> {
  const inFlight = metrics.inFlight.with()
  return async (exchange, next) => {
    inFlight.value++
    try {
      await next()
    } finally {
      inFlight.value--
      const route = exchange.route?.name ?? 'none'
      metrics.requests.with(route, String(exchange.status)).value++
      const seconds = (clock.monotonic() - exchange.startedAt) / 1000
      if (exchange.status !== 101) metrics.duration.observe(metrics.duration.with(route), seconds)
    }
  }
}
