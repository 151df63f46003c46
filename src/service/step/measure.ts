/** Server metrics: rate, errors, duration, in flight. */
import type { Metrics } from '../../telemetry/metrics.ts'
import { serverMetrics } from '../../telemetry/standard.ts'
import type { Exchange, ServiceStep } from '../exchange.ts'
import { finalStatus } from './access-log.ts'

type ServerMetrics = ReturnType<typeof serverMetrics>

export function measure(metrics: Metrics): ServiceStep {
  const all = serverMetrics(metrics)
  return (exchange, next) => {
    const inFlight = all.inFlight.with(exchange.host.name, exchange.host.instance)
    inFlight.value++
    exchange.onEnd(() => {
      inFlight.value--
      record(all, exchange)
    })
    return next(exchange)
  }
}

function record(all: ServerMetrics, exchange: Exchange): void {
  const { name, instance, clock } = exchange.host
  const status = finalStatus(exchange)
  all.requests.with(name, exchange.operation, instance, String(status)).value++
  if (status >= 500) all.errors.with(name, exchange.operation, instance).value++
  const seconds = (clock.monotonic() - exchange.startedAt) / 1000
  all.duration.observe(all.duration.with(name, exchange.operation, instance), seconds)
}
