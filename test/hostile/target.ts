/** The servers under attack, each on a free port of this process. */
import { createCaller } from '../../src/client/caller.ts'
import { staticSource } from '../../src/discovery/source/static.ts'
import type { RouteConfig } from '../../src/gateway/contract.ts'
import { startGateway } from '../../src/gateway/index.ts'
import { Metrics } from '../../src/telemetry/metrics.ts'

export interface Target {
  readonly port: number
  close(): Promise<void>
}

/** A gateway with one instance for each service that its routes name, all of them on `port`. */
export async function gatewayBefore(
  port: number,
  routes: readonly RouteConfig[],
  meta: Readonly<Record<string, string>> = {},
): Promise<Target> {
  const services = [...new Set(routes.flatMap(({ to }) => to ?? []))]
  const instances = services.map((service) => ({
    ...{ id: `${service}-1`, service, address: '127.0.0.1', port, node: 'test', weight: 1 },
    ...{ tags: [], meta, status: 'passing' as const },
  }))
  const metrics = new Metrics()
  const caller = createCaller({ source: staticSource(instances), metrics, defaults: { attempts: 1 } })
  const config = { port: 0, routes }
  const gateway = await startGateway({ config, caller, metrics, limits: { lingerMs: 100, drainMs: 100 } })
  return {
    port: gateway.port,
    async close() {
      await gateway.close()
      await caller.close()
    },
  }
}
