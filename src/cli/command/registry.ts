/** `skein registry`: the registry, in a process of its own. */
import path from 'node:path'
import { reportReady } from '../../core/parent.ts'
import { SETTINGS } from '../../core/settings.ts'
import { type RegistryOptions, startRegistry } from '../../registry/index.ts'
import type { StorageChoice } from '../../registry/storage/storages.ts'
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { DEFAULT_REGISTRY_DATA, DEFAULT_REGISTRY_PORT } from '../define.ts'
import { readDnsOptions } from '../dns-options.ts'
import { DEFAULT_DNS_PORT, readDnsPort } from '../dns-port.ts'
import { untilAskedToEnd } from '../lifetime.ts'
import { makeFolder } from '../make-folder.ts'
import { readStoreAddress } from '../store-address.ts'
import { processLog } from '../ui/process-log.ts'
import { explainListenError } from '../up/ports.ts'

const DATABASE = 'registry.db'

const OPTIONS = {
  port: { kind: 'port', description: `Default: ${DEFAULT_REGISTRY_PORT}; 0 = any free one.` },
  host: { kind: 'text', description: 'Address to listen on. Default: 127.0.0.1.' },
  'dns-port': {
    kind: 'text',
    value: 'port',
    description: `DNS, by UDP and TCP. Default: ${DEFAULT_DNS_PORT}, or any free one with --port 0; off = none.`,
  },
  'dns-host': {
    kind: 'text',
    value: 'host',
    description: 'Address for DNS. Default: on loopback, because DNS brings no tokens.',
  },
  dns: {
    kind: 'text',
    value: 'json',
    description: `Settings of DNS: domain, serviceTtl, nodeTtl, soa, onlyPassing, aRecordLimit, udpAnswerLimit,
truncate, nodeMetaTxt. Times in seconds.`,
  },
  data: { kind: 'text', value: 'folder', description: `Where the database lies. Default: ${DEFAULT_REGISTRY_DATA}.` },
  memory: { kind: 'flag', description: 'Keep everything in memory: it is gone with the process.' },
  store: {
    kind: 'text',
    value: 'etcd://…',
    description: 'Share etcd with other registries: etcd://host:port,host:port/prefix, or etcds:// (see above).',
  },
  datacenter: { kind: 'text', value: 'name', description: 'Name of the datacenter. Default: dc1.' },
  acl: {
    kind: 'flag',
    description: `Tokens with rights of their own, made by skein consul acl. Whoever has none sees and
changes nothing.`,
  },
  'acl-default': {
    kind: 'text',
    value: 'policy',
    description: 'With --acl: allow or deny what no rule speaks of. Default: deny.',
  },
  token: {
    kind: 'text',
    value: 'secret',
    description: `With --acl one that may do everything while this registry runs, else the one that all
clients must bring. Better in SKEIN_REGISTRY_TOKEN: others can read a command line.`,
  },
  'allow-host': {
    kind: 'text',
    value: 'names',
    description: 'Names, with commas between, by which it may be asked beside its addresses.',
  },
  unprotected: {
    kind: 'flag',
    description: `Listen beyond loopback although everybody there may change every service.`,
  },
} as const satisfies Options

export default defineCommand({
  name: 'registry',
  usage: '[options]',
  description: `Serves Consul's HTTP API (services, health checks, KV) and its DNS interface. Any Consul client in any language can use it.
A write is acknowledged when it is on disk (SQLite, or most members of etcd), and survives kill -9. Beyond loopback it
wants tokens: those of --acl, or the one in SKEIN_REGISTRY_TOKEN. An etcd with TLS is etcds://…, with ?ca=, cert=,
key= (PEM files), server-name= and password-file=; or SKEIN_ETCD_USER, _PASSWORD, _CA, _CERT and _KEY.`,
  options: OPTIONS,
  examples: [
    ['skein registry', 'on 127.0.0.1:8500, DNS on 8600, its data in .skein/registry'],
    ['skein registry --port 9500 --dns-port off --data /var/lib/skein', 'elsewhere, without DNS'],
    ['skein registry --store etcd://one:2379,two:2379,three:2379', 'one of several, on an etcd cluster'],
    [`skein registry --dns '{"serviceTtl": {"*": 5}}'`, 'answers of DNS may be kept for 5 s'],
    ['skein registry --acl --host 0.0.0.0', 'on the network; then skein consul acl bootstrap'],
    ['skein registry --memory --port 0', 'for a test: a free port, nothing on disk'],
  ],
  failure: 'the port or the folder cannot be had',
  async run({ options, args, terminal, env, cwd }: Context<typeof OPTIONS>) {
    if (args[0] !== undefined)
      throw new UsageError(`there is no skein registry ${args[0]}; skein --help lists what there is`)
    const log = processLog('registry', terminal)
    const asked = untilAskedToEnd()
    const port = options.port ?? DEFAULT_REGISTRY_PORT
    const dnsPort = chooseDnsPort(options)
    const dns = readDnsOptions(options.dns)
    const storage = chooseStorage(options, cwd, env)
    try {
      const { host, datacenter } = options
      const registry = await startRegistry({
        host,
        port,
        dnsPort,
        dns: { ...dns, host: options['dns-host'] },
        storage,
        datacenter,
        ...protection(options, env[SETTINGS.token], storage),
        log,
      })
      reportReady(registry.port)
      await asked
      await registry.close()
    } catch (error) {
      const isDns = dnsPort !== undefined && (error as { port?: number }).port === dnsPort
      throw isDns
        ? await explainListenError(error, 'DNS', '--dns-port')
        : await explainListenError(error, 'registry', '--port')
    }
    return 0
  },
})

type Protection = Pick<RegistryOptions, 'token' | 'acl' | 'allowedHosts' | 'unprotected'>

/** Who may ask, and for what. */
function protection(
  options: Context<typeof OPTIONS>['options'],
  fromEnvironment: string | undefined,
  storage: StorageChoice,
): Protection {
  const { acl, unprotected, 'acl-default': policy = 'deny', token = fromEnvironment } = options
  if (policy !== 'allow' && policy !== 'deny') throw new UsageError(`--acl-default ${policy}: write allow or deny`)
  if (acl !== true && options['acl-default'] !== undefined)
    throw new UsageError('--acl-default says nothing without --acl')
  const allowedHosts = options['allow-host']?.split(',').map((name) => name.trim())
  if (acl !== true) return { token, allowedHosts, unprotected }
  return {
    acl: { defaultPolicy: policy, ownToken: token, resetFile: resetFileOf(storage) },
    allowedHosts,
    unprotected,
  }
}

/** Beside the database: whoever can write there is its master anyway. */
function resetFileOf(storage: StorageChoice): string | undefined {
  const isFile = typeof storage === 'object' && 'sqlite' in storage
  return isFile ? path.join(path.dirname(storage.sqlite), 'acl-bootstrap-reset') : undefined
}

/** Beside a registry that takes any free port, DNS does too: it is not meant to be the machine's one. */
function chooseDnsPort(options: Context<typeof OPTIONS>['options']): number | undefined {
  const chosen = readDnsPort(options['dns-port']) ?? (options.port === 0 ? 0 : DEFAULT_DNS_PORT)
  if (chosen === 'off') return undefined
  const port = options.port ?? DEFAULT_REGISTRY_PORT
  if (chosen !== 0 && chosen === port)
    throw new UsageError(`the API and DNS cannot share port ${port}: give another --dns-port, or off`)
  return chosen
}

function chooseStorage(
  { memory, data, store }: Context<typeof OPTIONS>['options'],
  cwd: string,
  env: Context<typeof OPTIONS>['env'],
): StorageChoice {
  const given = [memory === true && '--memory', data !== undefined && '--data', store !== undefined && '--store']
  const names = given.filter((name) => name !== false)
  if (names.length > 1) throw new UsageError(`give ${names.join(' or ')}, not both`)
  if (store !== undefined) return readStoreAddress(store, env)
  if (memory === true) return 'memory'
  const folder = path.resolve(cwd, data ?? DEFAULT_REGISTRY_DATA)
  makeFolder(folder)
  return { sqlite: path.join(folder, DATABASE) }
}
