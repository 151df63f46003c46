/** What DNS counts. Names asked for never become labels. */
import type { Metrics } from '../../telemetry/metrics.ts'

export type DnsMetrics = ReturnType<typeof dnsMetrics>

export function dnsMetrics(metrics: Metrics) {
  return {
    queries: metrics.counter('skein_registry_dns_queries_total', 'DNS queries answered.', ['transport', 'rcode']),
    dropped: metrics.counter('skein_registry_dns_dropped_total', 'Messages that deserve no answer.', ['transport']),
    connections: metrics.gauge('skein_registry_dns_tcp_connections', 'Open TCP connections.').with(),
  }
}
