/** The metrics that every Skein process has, by side. Durations in seconds; `code` is an HTTP status or an error code. */
import { type Metrics, processMetrics } from './metrics.ts'

/** Requests that this process served. */
export function serverMetrics(metrics: Metrics = processMetrics) {
  const labels = ['service', 'operation', 'instance']
  return {
    requests: metrics.counter('skein_server_requests_total', 'Requests served.', [...labels, 'code']),
    errors: metrics.counter('skein_server_errors_total', 'Requests answered with a status of 500 or above.', labels),
    duration: metrics.histogram(
      'skein_server_request_duration_seconds',
      'Time from head received to answer sent.',
      labels,
    ),
    inFlight: metrics.gauge('skein_server_in_flight_requests', 'Requests being served.', ['service', 'instance']),
  }
}

/** How much an instance takes on. */
export function limitMetrics(metrics: Metrics = processMetrics) {
  const labels = ['service', 'instance']
  return {
    limit: metrics.gauge('skein_server_concurrency_limit', 'Requests worked on at a time at most.', labels),
    shed: metrics.counter('skein_server_shed_total', 'Requests refused because there was too much to do.', [
      ...labels,
      'priority',
      'reason',
    ]),
  }
}

/** Calls that this process made. `service` and `instance` are those called. */
export function clientMetrics(metrics: Metrics = processMetrics) {
  const labels = ['service', 'operation', 'instance']
  return {
    requests: metrics.counter('skein_client_requests_total', 'Attempts sent to instances.', [...labels, 'code']),
    grpc: metrics.counter('skein_client_grpc_total', 'gRPC calls that were answered, by their status.', [
      ...labels,
      'status',
    ]),
    errors: metrics.counter('skein_client_errors_total', 'Calls that failed after all attempts.', ['service', 'code']),
    duration: metrics.histogram('skein_client_request_duration_seconds', 'Time of an attempt until its head.', labels),
    inFlight: metrics.gauge('skein_client_in_flight_requests', 'Attempts waiting for their answer.', [
      'service',
      'instance',
    ]),
    picks: metrics.counter('skein_client_picks_total', 'Times a policy chose an instance.', [
      'service',
      'policy',
      'instance',
    ]),
    circuit: metrics.gauge('skein_client_circuit_open', '1 while a service is not asked because most calls failed.', [
      'service',
    ]),
    fallbacks: metrics.counter('skein_client_fallbacks_total', 'Calls answered by their fallback.', [
      'service',
      'operation',
      'code',
    ]),
    retries: metrics.counter('skein_client_retries_total', 'Attempts after the first.', ['service', 'reason']),
    spent: metrics.counter(
      'skein_client_retry_budget_spent_total',
      'Attempts that were not made although there was a reason, as too many were under way.',
      ['service', 'reason'],
    ),
    waits: metrics.counter('skein_client_bulkhead_waits_total', 'Calls that waited for their turn.', ['service']),
    panics: metrics.counter(
      'skein_client_panic_picks_total',
      'Times an instance was chosen although it was out, as too few were in.',
      ['service'],
    ),
    spillOvers: metrics.counter(
      'skein_client_spill_over_total',
      'Times an instance of another zone than the own one was chosen, where zones count.',
      ['service'],
    ),
    hedges: metrics.counter(
      'skein_client_hedges_total',
      'Requests beside a slow one: sent, of these won (answered first), or left out because the budget was spent (over_budget).',
      ['service', 'outcome'],
    ),
    stale: metrics.gauge(
      'skein_client_discovery_stale',
      '1 while the registry does not confirm the known instances of a service.',
      ['service'],
    ),
    confirmed: metrics.gauge(
      'skein_client_discovery_confirmed_timestamp_seconds',
      'While stale: when the registry last confirmed the known instances of a service, since the epoch; else 0.',
      ['service'],
    ),
    ejections: metrics.counter('skein_client_ejections_total', 'Times an instance was taken out.', [
      'service',
      'instance',
      'reason',
    ]),
  }
}

/** Memory, CPU and event loop of this process, named as Prometheus' own clients name them. */
export function collectProcessMetrics(metrics: Metrics = processMetrics): void {
  const cpu = metrics.counter('process_cpu_seconds_total', 'User and system CPU time.').with()
  const memory = metrics.gauge('process_resident_memory_bytes', 'Resident memory.').with()
  const heap = metrics.gauge('nodejs_heap_size_used_bytes', 'Used heap.').with()
  const loop = metrics
    .gauge('nodejs_eventloop_utilization', 'Share of time the event loop was busy since the last read-out.')
    .with()
  const start = metrics.gauge('process_start_time_seconds', 'Start of the process, seconds since the epoch.').with()
  start.value = Math.round(performance.timeOrigin) / 1000
  let before = performance.eventLoopUtilization()
  metrics.onCollect(() => {
    const { user, system } = process.cpuUsage()
    cpu.value = (user + system) / 1e6
    const usage = process.memoryUsage()
    memory.value = usage.rss
    heap.value = usage.heapUsed
    const now = performance.eventLoopUtilization()
    loop.value = performance.eventLoopUtilization(now, before).utilization
    before = now
  })
}
