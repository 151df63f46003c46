/** The sockets around the core: UDP and TCP on one port. */
import type { Socket } from 'node:dgram'
import type { AddressInfo, Server } from 'node:net'
import { type Clock, systemClock } from '../../core/clock.ts'
import { type Logger, silentLogger } from '../../core/log.ts'
import { type Random, systemRandom } from '../../core/random.ts'
import { Metrics } from '../../telemetry/metrics.ts'
import { CLEAR, type Sight } from '../acl/sight.ts'
import type { State } from '../state/state.ts'
import type { DnsView, FindQuery } from './contract.ts'
import { Directory } from './directory.ts'
import { type DnsMetrics, dnsMetrics } from './metrics.ts'
import { failure, respond, type Transport } from './respond.ts'
import { type DnsOptions, dnsSettings } from './settings.ts'
import { createTcpListener, type TcpListener } from './tcp.ts'
import { bindUdp, closeUdp, createUdpSocket } from './udp.ts'
import { rcodeName } from './wire/codes.ts'

export interface DnsServerOptions {
  readonly state: State
  readonly datacenter: string
  /** Name of the registry's own node. */
  readonly node: string
  /** Default 127.0.0.1. */
  readonly host?: string | undefined
  /** 0 = any that is free for both UDP and TCP. */
  readonly port: number
  readonly settings?: DnsOptions | undefined
  /** Default: there are no prepared queries. */
  readonly findQuery?: FindQuery | undefined
  /** What may be seen. Default: everything. */
  readonly sight?: (() => Sight) | undefined
  /** Default 256. */
  readonly maxConnections?: number | undefined
  /** Default 10 s. */
  readonly idleMs?: number | undefined
  readonly log?: Logger | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly metrics?: Metrics | undefined
}

export interface RunningDns {
  readonly port: number
  /** Idempotent. */
  close(): Promise<void>
}

const LOOPBACK = '127.0.0.1'

/** @throws RangeError for a bad setting; the error of `listen` or `bind` (with `code` and `port`) when the port is taken. */
export async function startDns(options: DnsServerOptions): Promise<RunningDns> {
  const { host = LOOPBACK, log = silentLogger, clock = systemClock, maxConnections = 256, idleMs = 10_000 } = options
  const counters = dnsMetrics(options.metrics ?? new Metrics())
  const responder = createResponder(viewOf(options, clock), counters, log)
  const onConnections = (change: number) => {
    counters.connections.value += change
  }
  const open = () => ({
    tcp: createTcpListener({ clock, respond: responder('tcp'), maxConnections, idleMs, onConnections }),
    udp: createUdpSocket({ host, log, respond: responder('udp') }),
  })
  const { tcp, udp, port } = await listenOnBoth(open, host, options.port)
  tcp.server.on('error', (err) => log.error({ err }, 'DNS by TCP'))
  udp.on('error', (err) => log.error({ err }, 'DNS by UDP'))
  log.info({ host, port }, 'DNS serves')
  let closed: Promise<unknown> | undefined
  return {
    port,
    async close() {
      closed ??= Promise.all([closeUdp(udp), tcp.close()])
      await closed
    },
  }
}

function viewOf(options: DnsServerOptions, clock: Clock): DnsView {
  const { state, datacenter, node, random = systemRandom, sight = () => CLEAR } = options
  return {
    sight,
    state,
    directory: new Directory(state),
    settings: dnsSettings(options.settings),
    datacenter,
    node,
    random,
    now: () => Math.floor(clock.now() / 1000),
    findQuery: options.findQuery ?? (() => undefined),
  }
}

type Responder = (transport: Transport) => (message: Buffer) => Buffer | undefined

function createResponder(view: DnsView, counters: DnsMetrics, log: Logger): Responder {
  const attempt = (message: Buffer, transport: Transport) => {
    try {
      return respond(message, transport, view)
    } catch (err) {
      log.error({ err, query: message.toString('hex') }, 'a DNS query failed')
      return failure(message, transport, view)
    }
  }
  return (transport) => (message) => {
    const response = attempt(message, transport)
    if (response === undefined) counters.dropped.with(transport).value++
    else counters.queries.with(transport, rcodeName(response.rcode)).value++
    return response?.bytes
  }
}

interface Pair {
  readonly tcp: TcpListener
  readonly udp: Socket
}

/** A port that the system picks for one of the two may be taken for the other: then another is tried. */
const FREE_PORT_TRIES = 20

async function listenOnBoth(open: () => Pair, host: string, wanted: number): Promise<Pair & { port: number }> {
  for (let left = wanted === 0 ? FREE_PORT_TRIES : 1; ; left--) {
    const pair = open()
    try {
      const port = await listenTcp(pair.tcp.server, host, wanted)
      await bindUdp(pair.udp, host, port)
      return { ...pair, port }
    } catch (error) {
      await Promise.all([closeUdp(pair.udp), pair.tcp.close()])
      if (left <= 1 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}

function listenTcp(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}
