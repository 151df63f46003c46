/** The reserved endpoints on the app's own port. */

import { METRICS_CONTENT_TYPE, type Metrics } from '../../telemetry/metrics.ts'
import { collectProcessMetrics } from '../../telemetry/standard.ts'
import type { Exchange, Reply, ServiceStep } from '../exchange.ts'
import { openApi } from '../openapi.ts'
import { createReadiness } from '../readiness.ts'
import { jsonReply } from '../reply.ts'
import type { App } from '../servable.ts'

type Probe = (exchange: Exchange) => Reply | Promise<Reply>

export function probes(app: App): ServiceStep {
  const table = probeTable(app)
  return (exchange, next) => {
    const probe = exchange.method === 'GET' || exchange.method === 'HEAD' ? table.get(exchange.path) : undefined
    return probe === undefined ? next(exchange) : Promise.resolve(probe(exchange))
  }
}

function probeTable(app: App): ReadonlyMap<string, Probe> {
  const readiness = createReadiness(app.hooks.health)
  const { contract } = app
  const table = new Map<string, Probe>([
    ['/health/live', () => jsonReply(200, { status: 'live' })],
    [
      '/health/ready',
      async ({ host }) => {
        const state = await readiness(host)
        return jsonReply(state.status === 'ready' ? 200 : 503, state)
      },
    ],
    ['/metrics', ({ host }) => metricsReply(host.metrics)],
  ])
  if (contract !== undefined) {
    const document = JSON.stringify(openApi(contract, app.about.version))
    table.set('/openapi.json', () => ({ status: 200, headers: ['content-type', 'application/json'], body: document }))
  }
  return table
}

const collecting = new WeakSet<Metrics>()

function metricsReply(metrics: Metrics): Reply {
  if (!collecting.has(metrics)) {
    collecting.add(metrics)
    collectProcessMetrics(metrics)
  }
  return { status: 200, headers: ['content-type', METRICS_CONTENT_TYPE], body: metrics.toText() }
}
