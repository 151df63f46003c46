/** An unchanged app's server as an instance: observed and registered. */
import type { Server } from 'node:http'
import { type AddressInfo, isIPv6 } from 'node:net'
import { closeDefaults } from '../../client/default.ts'
import { sleep, systemClock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import { reportReady } from '../../core/parent.ts'
import { systemRandom } from '../../core/random.ts'
import { registryAddress, registryToken } from '../../core/settings.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { processMetrics } from '../../telemetry/metrics.ts'
import type { Tracing } from '../../telemetry/spans/tracing.ts'
import { limitOf } from '../check-definition.ts'
import type { Host } from '../exchange.ts'
import type { InFlight } from '../in-flight.ts'
import { DRAIN_DELAY_MS, DRAIN_TIMEOUT_MS, instanceId, type Placement, placementOf } from '../placement.ts'
import { type Registration, startRegistration } from '../registration.ts'
import { serveMetrics } from './metrics-port.ts'
import { observe } from './observe.ts'

export interface Joined {
  /** Out of the registry, then a moment of serving on; never rejects. */
  leave(): Promise<void>
  /** Waits for the requests that are still being served; never rejects. */
  finish(): Promise<void>
}

export function join(
  name: string,
  server: Server,
  address: AddressInfo,
  log: Logger,
  tracing: Tracing | undefined,
): Joined | undefined {
  try {
    const placement = placementOf({ port: address.port }, process.env)
    const instance = instanceId(placement, name, address.port)
    const host: Host = {
      name,
      instance,
      log: log.child({ instance }),
      clock: systemClock,
      metrics: processMetrics,
      tracer: tracing?.tracer,
      phase: 'serving',
      refused: 0,
    }
    // Throws for an address that is none, so before anything is begun.
    const token = registryToken(process.env)
    const consul = new ConsulClient({ address: registryAddress(process.env), token, log: host.log })
    tracing?.tell({ service: name, instance })
    const inFlight = observe(server, host, limitOf(undefined, process.env))
    const registering = register(host, placement, address, consul)
    void registering.then(({ attempted }) => attempted).then(() => reportReady(address.port))
    server.once('close', () => void registering.then((registration) => letGo(registration, consul, tracing)))
    return {
      leave: async () => leave(host, await registering),
      finish: () => finish(server, inFlight, host).then(() => tracing?.flush()),
    }
  } catch (err) {
    log.warn({ err }, 'not registered')
    reportReady(address.port)
    return undefined
  }
}

async function register(
  host: Host,
  placement: Placement,
  { address, port }: AddressInfo,
  consul: ConsulClient,
): Promise<Registration> {
  const { SKEIN_HOST: announced } = process.env
  const metricsPort = await serveMetrics(host.metrics).catch((err) => {
    host.log.warn({ err }, 'no port for /metrics')
    return undefined
  })
  return startRegistration({
    id: host.instance,
    name: host.name,
    address: announced || reachable(address),
    port,
    tags: [],
    meta: {
      skein: '1',
      ...(metricsPort === undefined ? {} : { metrics_port: String(metricsPort) }),
      ...(placement.zone === undefined ? {} : { zone: placement.zone }),
    },
    weight: placement.weight,
    // Which of its paths would say that it is well, only the app knows.
    check: { tcp: true },
    refused: () => host.refused,
    consul,
    clock: host.clock,
    random: systemRandom,
    log: host.log,
  })
}

/** "Any address" is none to connect to. Loopback, unless SKEIN_HOST says how others reach this machine. */
function reachable(address: string): string {
  if (address === '0.0.0.0' || address === '::') return '127.0.0.1'
  return isIPv6(address) && address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
}

/** A closed server is no instance, and nothing of ours may keep the process alive that the app lets end. */
async function letGo(registration: Registration, consul: ConsulClient, tracing: Tracing | undefined): Promise<void> {
  await registration.deregister()
  await consul.close()
  await closeDefaults()
  await tracing?.close()
}

async function leave(host: Host, registration: Registration): Promise<void> {
  await registration.deregister()
  host.phase = 'draining'
  await sleep(DRAIN_DELAY_MS, host.clock)
}

async function finish(server: Server, inFlight: InFlight, { clock }: Host): Promise<void> {
  server.close()
  await inFlight.idle(DRAIN_TIMEOUT_MS, clock)
}
