import type { Exchange, Parts } from '../exchange.ts'

/** Counts and times every request by route and status. */
export function measure({ metrics, clock }: Parts): { begin(): void; end(exchange: Exchange): void } {
  const inFlight = metrics.inFlight.with()
  return {
    begin() {
      inFlight.value++
    },
    end({ route, status, startedAt }) {
      inFlight.value--
      const name = route?.name ?? 'none'
      metrics.requests.with(name, String(status)).value++
      const seconds = (clock.monotonic() - startedAt) / 1000
      if (status !== 101) metrics.duration.observe(metrics.duration.with(name), seconds)
    },
  }
}
