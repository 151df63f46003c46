/** The fleet's metrics. `telemetry/metrics.ts` fits the interface; the fleet imports core alone. */
import type { InstanceInfo } from './contract.ts'

interface Series {
  value: number
}

interface Metric {
  with(...values: string[]): Series
  removeWhere(test: () => boolean): void
}

/** As much of a metrics registry as the fleet needs. */
export interface MetricsSink {
  counter(name: string, help: string, labelNames: readonly string[]): Metric
  gauge(name: string, help: string, labelNames: readonly string[]): Metric
  onCollect(collect: () => void): void
}

/** Announces the metrics; the result counts one restart of a service. */
export function fleetMetrics(sink: MetricsSink, list: () => readonly InstanceInfo[]): (service: string) => void {
  const instances = sink.gauge('skein_fleet_instances', 'Instances by state.', ['service', 'state'])
  const restarts = sink.counter('skein_fleet_restarts_total', 'Starts of an instance after its first.', ['service'])
  sink.onCollect(() => {
    instances.removeWhere(() => true)
    for (const { service, state } of list()) instances.with(service, state).value++
  })
  return (service) => {
    restarts.with(service).value++
  }
}
