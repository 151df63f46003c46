/** The gateway's own metrics. `route` is a route's name, or `none` where no route was reached. */
import type { Counter, Gauge, Histogram, Metrics } from '../telemetry/metrics.ts'

export interface GatewayMetrics {
  readonly requests: Counter
  readonly duration: Histogram
  readonly inFlight: Gauge
  readonly tunnels: Gauge
  readonly mirrored: Counter
  readonly cached: Counter
  readonly limited: Counter
}

export function gatewayMetrics(metrics: Metrics): GatewayMetrics {
  return {
    requests: metrics.counter('skein_gateway_requests_total', 'Requests answered, by HTTP status.', ['route', 'code']),
    duration: metrics.histogram(
      'skein_gateway_request_duration_seconds',
      'Time from head received to answer sent; without WebSockets.',
      ['route'],
    ),
    inFlight: metrics.gauge('skein_gateway_in_flight_requests', 'Requests being served, WebSockets included.'),
    tunnels: metrics.gauge('skein_gateway_tunnels', 'WebSockets open.', ['route']),
    cached: metrics.counter('skein_gateway_cache_total', 'Requests of routes with a cache, by what it did.', [
      'route',
      'outcome',
    ]),
    limited: metrics.counter(
      'skein_gateway_limits_counted_total',
      'Requests that the limits of a gateway with a Redis counted: all together in redis, or while it is away each gateway.',
      ['by'],
    ),
    mirrored: metrics.counter('skein_gateway_mirrored_total', 'Copies, by status, error code or left_out.', [
      'route',
      'outcome',
    ]),
  }
}
