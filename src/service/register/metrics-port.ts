/**
 * `/metrics` of an app that nobody changed, on a loopback port of its own: the app's own answers stay as they are. The port
 * stands in the instance's Meta (`metrics_port`), where Prometheus' Consul discovery finds it.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { METRICS_CONTENT_TYPE, type Metrics } from '../../telemetry/metrics.ts'
import { collectProcessMetrics } from '../../telemetry/standard.ts'

/** Resolves with the port. It keeps no process alive. */
export function serveMetrics(metrics: Metrics): Promise<number> {
  collectProcessMetrics(metrics)
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': METRICS_CONTENT_TYPE }).end(metrics.toText())
  })
  server.on('connection', (socket) => socket.unref())
  return new Promise((resolve, reject) => {
    // Of later ones, too, such as no file descriptors left, the app is to know nothing.
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    server.unref()
  })
}
