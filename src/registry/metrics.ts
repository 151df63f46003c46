/** The registry's own metrics. `endpoint` is the fixed part of a path: names of services and keys never become labels. */
import type { Metrics } from '../telemetry/metrics.ts'

export type RegistryMetrics = ReturnType<typeof registryMetrics>

/** Writes per commit. */
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256]

export function registryMetrics(metrics: Metrics) {
  const commits = metrics.histogram('skein_registry_commit_writes', 'Writes in one durable commit.', [], BATCH_BUCKETS)
  const commitTime = metrics.histogram('skein_registry_commit_duration_seconds', 'Time of a durable commit.')
  const requests = metrics.counter('skein_registry_requests_total', 'Requests answered.', [
    'endpoint',
    'method',
    'code',
  ])
  const duration = metrics.histogram(
    'skein_registry_request_duration_seconds',
    'Time from head received to answer sent, without blocking queries that were held.',
    ['endpoint', 'method'],
  )
  return {
    requests,
    duration,
    checkResults: metrics.counter('skein_registry_check_results_total', 'Results of checks run here.', [
      'type',
      'status',
    ]),
    watchers: metrics.gauge('skein_registry_blocking_queries', 'Blocking queries held.').with(),
    writes: metrics.counter('skein_registry_writes_total', 'Writes that changed something and are durable.').with(),
    storageFailed: metrics.gauge('skein_registry_storage_failed', '1 while writes cannot be stored.').with(),
    index: metrics.gauge('skein_registry_index', 'Index of the last write.').with(),
    instances: metrics.gauge('skein_registry_instances', 'Service instances registered.').with(),
    leases: metrics.gauge('skein_registry_leases', 'TTL checks for which a connection is held.').with(),
    observeCommit(writes: number, ms: number) {
      commits.observe(commits.with(), writes)
      commitTime.observe(commitTime.with(), ms / 1000)
      this.writes.value += writes
    },
  }
}
