/** The embedded registry: Consul's HTTP API and DNS over one state, kept in memory, in SQLite or in etcd. */
import { hostname } from 'node:os'
import { authority } from '../core/authority.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { ConfigError } from '../core/issues.ts'
import { type Logger, silentLogger } from '../core/log.ts'
import { type Random, systemRandom } from '../core/random.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { collectProcessMetrics } from '../telemetry/standard.ts'
import type { AclOptions } from './acl/access-control.ts'
import { Sight } from './acl/sight.ts'
import { openAccess, reapTokens } from './acl/start.ts'
import { AnswerCache } from './api/answer-cache.ts'
import type { AgentControl, Registry } from './api/endpoint.ts'
import { createGuard } from './api/guard.ts'
import { showEntry } from './api/health.ts'
import { InstanceFeed } from './api/skein/feed.ts'
import { CheckRunner } from './checks/runner.ts'
import { type RunningDns, startDns } from './dns/server.ts'
import type { DnsOptions } from './dns/settings.ts'
import { EventLog } from './event-log.ts'
import { because } from './history/origin.ts'
import { Leases } from './leases.ts'
import { type RegistryMetrics, registryMetrics } from './metrics.ts'
import { ownNode, SERVER_PORT, SHARED_NODE } from './own-node.ts'
import { findQuery, runQuery, ttlOf } from './prepared-query.ts'
import { RegistryServer } from './server.ts'
import { SESSION_TTL_MIN_MS, SessionKeeper } from './session-keeper.ts'
import { createStorage, isShared, type StorageChoice } from './storage/storages.ts'
import type { StorageEvents } from './storage.ts'
import { Store } from './store.ts'

export interface RegistryOptions {
  /** Address to listen on, default 127.0.0.1. Anything but loopback needs a token. */
  readonly host?: string | undefined
  /** Default 8500; 0 = any free one. */
  readonly port?: number | undefined
  /** Port of the DNS interface, UDP and TCP; 0 = any free one. Default: there is none. */
  readonly dnsPort?: number | undefined
  readonly dns?: DnsOptions | undefined
  /**
   * Default `memory`: gone with the process. `{ sqlite: file }` survives kill -9 and power cuts; `{ etcd: addresses }` also
   * the loss of machines, and any number of registries may share it.
   */
  readonly storage?: StorageChoice | undefined
  /** Letters, digits, - and _; default `dc1`. */
  readonly datacenter?: string | undefined
  /** Name of the registry's own node; default: the one that is stored, else the host name. */
  readonly nodeName?: string | undefined
  /** What all clients must send as X-Consul-Token; default none. Never logged. Not beside `acl`, whose tokens differ. */
  readonly token?: string | undefined
  /** Tokens with rights of their own. Default: everybody may do everything. */
  readonly acl?: AclOptions | undefined
  /** Names by which the registry may be asked beside loopback's, its addresses and `host`. */
  readonly allowedHosts?: readonly string[] | undefined
  /** True = listen beyond loopback although everybody there may then change every service. Default false. */
  readonly unprotected?: boolean | undefined
  /** Floor of DeregisterCriticalServiceAfter in ms, default 60,000 as in Consul. */
  readonly deregisterMinMs?: number | undefined
  /** Floor of a session's TTL in ms, default 10,000 as in Consul. */
  readonly sessionTtlMinMs?: number | undefined
  /** What PUT agent/reload and agent/leave do. Default: there are no such paths. */
  readonly agent?: AgentControl | undefined
  readonly log?: Logger | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  /** Where to count; default: metrics of its own, with those of the process. */
  readonly metrics?: Metrics | undefined
}

export interface RunningRegistry {
  /** `http://127.0.0.1:8500` */
  readonly url: string
  readonly port: number
  readonly dnsPort: number | undefined
  /** Name of its own node. */
  readonly node: string
  /** Answers held queries with the data of this moment, stops checks, closes connections and the storage. Idempotent. */
  close(): Promise<void>
}

/**
 * Starts a registry; it serves when the promise resolves.
 * @throws ConfigError when it would listen beyond loopback without a token, or the datacenter's name is none; SkeinError STORAGE_FAILED naming the file;
 * the error of `listen` when a port is taken; RangeError for a bad setting of DNS.
 */
export async function startRegistry(options: RegistryOptions = {}): Promise<RunningRegistry> {
  const host = options.host ?? '127.0.0.1'
  refuseOpenHost(host, options)
  refuseBadDatacenter(options)
  const clock = options.clock ?? systemClock
  const metrics = options.metrics ?? ownMetrics()
  const counters = registryMetrics(metrics)
  const events = storageEvents(counters, options.log ?? silentLogger)
  const store = new Store(await createStorage(options.storage ?? 'memory', events, options), clock)
  await store.open()
  try {
    const registry = await createRegistry(options, store, metrics, counters, clock)
    const server = new RegistryServer(registry, createGuard({ ...options, host, access: registry.access }))
    const dns = await openDns(registry, options)
    const port = await server.listen(options.port ?? 8500, host).catch(async (error) => {
      await dns?.close()
      throw error
    })
    registry.log.info({ host, port, node: registry.node }, 'registry serves')
    registry.checks.start()
    registry.sessions.start()
    const url = `http://${authority(host, port)}`
    const stopReaping = reapTokens(registry)
    const close = closer(registry, server, dns)
    return {
      ...{ url, port, dnsPort: dns?.port, node: registry.node },
      close() {
        stopReaping()
        return close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

function storageEvents(counters: RegistryMetrics, log: Logger): StorageEvents {
  return {
    onCommit: (writes, ms) => counters.observeCommit(writes, ms),
    onHealth(failure) {
      counters.storageFailed.value = failure === undefined ? 0 : 1
      if (failure === undefined) log.info('writes are stored again')
      else log.error({ err: failure }, 'writes cannot be stored; reads go on')
    },
  }
}

/** An open registry hands the control of every service to whoever can reach it. */
function refuseOpenHost(host: string, { token = '', acl, unprotected = false }: RegistryOptions): void {
  const isClosed = token !== '' || (acl !== undefined && acl.defaultPolicy !== 'allow')
  if (isLoopback(host) || isClosed || unprotected) return
  const fix =
    'Give it a token (SKEIN_REGISTRY_TOKEN) or ACLs (--acl, acl: true), listen on 127.0.0.1, or say --unprotected'
  const message = `listening on ${host} without a token would let everyone on the network change every service`
  throw new ConfigError([{ file: 'registry', key: 'host', message, fix }])
}

/** It is a label of DNS, and stands in URLs. */
function refuseBadDatacenter({ datacenter = 'dc1' }: RegistryOptions): void {
  if (/^[A-Za-z0-9_-]{1,63}$/.test(datacenter)) return
  const message = `'${datacenter}' cannot be the name of a datacenter`
  throw new ConfigError([{ file: 'registry', key: 'datacenter', message, fix: 'Use letters, digits, - and _.' }])
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

function ownMetrics(): Metrics {
  const metrics = new Metrics()
  collectProcessMetrics(metrics)
  return metrics
}

async function createRegistry(
  options: RegistryOptions,
  store: Store,
  metrics: Metrics,
  counters: RegistryMetrics,
  clock: Clock,
): Promise<Registry> {
  const { log = silentLogger, random = systemRandom, deregisterMinMs } = options
  const address = advertised(options.host ?? '127.0.0.1')
  const node = await registerOwnNode(store, options, address)
  const datacenter = options.datacenter ?? 'dc1'
  const access = await openAccess(store, clock, datacenter, options.acl, log)
  const checks = new CheckRunner({ store, node, clock, random, log, counters, deregisterMinMs })
  const leases = new Leases({ clock, log, lost: (checkId) => loseLease(checks, checkId, log) })
  metrics.onCollect(() => {
    counters.index.value = store.state.index
    counters.instances.value = store.state.services.size
    counters.leases.value = leases.size
  })
  return {
    store,
    access,
    checks,
    leases,
    sessions: new SessionKeeper({ store, node, clock, random, log }),
    sessionTtlMinMs: options.sessionTtlMinMs ?? SESSION_TTL_MIN_MS,
    events: new EventLog(store.hub),
    cache: new AnswerCache(),
    feed: new InstanceFeed(store, (found) => showEntry(store.state, found, datacenter)),
    node,
    datacenter,
    defaultPolicy: options.token === undefined ? access.defaultPolicy : 'deny',
    leader: `${address}:${SERVER_PORT}`,
    control: options.agent,
    startedAt: clock.now(),
    clock,
    random,
    log,
    metrics,
    counters,
  }
}

function loseLease(checks: CheckRunner, checkId: string, log: Logger): void {
  const output = 'the connection that the instance held has ended'
  because({ Cause: 'lease' }, () => checks.lose(checkId, output)).catch((error) => {
    log.error({ err: error, check: checkId }, 'a broken lease could not be stored; the TTL will tell')
  })
}

async function registerOwnNode(store: Store, { storage, nodeName }: RegistryOptions, address: string): Promise<string> {
  const shared = storage !== undefined && isShared(storage)
  const wanted = { name: nodeName, fallback: shared ? SHARED_NODE : hostname(), address, shared }
  let node = ''
  await because({ Cause: 'restart' }, () =>
    store.write((state) => {
      const own = ownNode(state, wanted)
      node = own.node.Node
      return own
    }),
  )
  return node
}

/** The unspecified address is nowhere to connect to. */
function advertised(host: string): string {
  return host === '0.0.0.0' || host === '::' || host === 'localhost' ? '127.0.0.1' : host
}

/** Beyond loopback only where that is asked for: see DnsOptions. */
async function openDns(registry: Registry, options: RegistryOptions): Promise<RunningDns | undefined> {
  const { dnsPort: port, dns: settings, host = '127.0.0.1' } = options
  if (port === undefined) return undefined
  const { store, ...shared } = registry
  const own = isLoopback(host) ? advertised(host) : '127.0.0.1'
  const { state } = store
  const { access } = registry
  const find = (name: string) => {
    const query = findQuery(state, name)
    if (query === undefined) return undefined
    const sight = new Sight(access.rightsOfDns(query.token))
    const instances = runQuery(state, query).filter(({ node, service }) => sight.instance(node.Node, service.Service))
    return { instances, ttl: ttlOf(query) }
  }
  const sight = () => new Sight(access.rightsOfDns())
  return startDns({ ...shared, state, sight, findQuery: find, host: settings?.host ?? own, port, settings })
}

/** Time for answers to leave before connections are cut. */
const CLOSE_MS = 2000

/** Held queries first, so that their clients hear the truth and not a broken connection. */
function closer(
  { store, checks, leases, sessions, feed }: Registry,
  server: RegistryServer,
  dns: RunningDns | undefined,
): () => Promise<void> {
  let closing: Promise<void> | undefined
  return () => {
    closing ??= (async () => {
      server.stopAccepting()
      leases.close()
      checks.stop()
      sessions.stop()
      store.hub.close()
      feed.close()
      await Promise.all([server.close(CLOSE_MS), dns?.close()])
      await store.close()
    })()
    return closing
  }
}
