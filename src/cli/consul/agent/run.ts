/** The life of an agent: settings, registry, definitions, ready, reloads, end. */
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ConfigError } from '../../../core/issues.ts'
import type { Logger } from '../../../core/log.ts'
import { reportReady } from '../../../core/parent.ts'
import { ConsulClient } from '../../../discovery/consul-client.ts'
import { CONSUL_VERSION } from '../../../registry/api/agent.ts'
import { type RunningRegistry, startRegistry } from '../../../registry/index.ts'
import { type ExitStatus, Failure } from '../../command.ts'
import { untilAskedToEnd } from '../../lifetime.ts'
import { makeFolder } from '../../make-folder.ts'
import { processLog } from '../../ui/process-log.ts'
import { explainListenError } from '../../up/ports.ts'
import { version } from '../../version.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { Registrations } from './registrations.ts'
import { type AgentCall, type AgentSettings, agentSettings, configSources } from './settings.ts'
import { Watches } from './watches.ts'

const DATABASE = 'registry.db'
/** Consul's name for it. */
const RESET_FILE = 'acl-bootstrap-reset'
/** Beside the database: what came from configuration files. */
const CONFIGURED = 'configured.json'

export async function runAgent(call: AgentCall): Promise<ExitStatus> {
  const { settings, config } = agentSettings(call)
  const { out, err } = call.terminal
  for (const warning of settings.warnings) err.line(`Warning: ${warning}`)
  const log = processLog('registry', call.terminal, settings.logLevel)
  const asked = untilAskedToEnd()
  const left = Promise.withResolvers<void>()
  const reloads = new Reloads(call, log)
  out.line(`==> Starting Skein's registry as a Consul agent...`)
  const registry = await start(settings, log, { leave: left.resolve, reload: () => reloads.run() })
  const address = reachable(registry, settings)
  const { clock, env, cwd } = call
  const client = new ConsulClient({ address, token: settings.acl?.ownToken ?? settings.token, clock })
  // Not by the agent's own token: a watch that has none sees what anybody may see.
  const watches = new Watches({ address, token: settings.token, clock, log, env, cwd })
  try {
    const { dataDir } = settings
    const file = dataDir === undefined ? undefined : path.join(dataDir, CONFIGURED)
    await reloads.begin(new Registrations(client, file), watches, config)
    for (const line of banner(registry, settings)) out.line(line)
    if (settings.pidFile !== undefined) writeFileSync(settings.pidFile, `${process.pid}\n`)
    reportReady(registry.port)
    await Promise.race([asked, left.promise])
  } finally {
    reloads.end()
    await watches.end()
    await client.close()
    await registry.close()
    if (settings.pidFile !== undefined) rmSync(settings.pidFile, { force: true })
  }
  return 0
}

/** @throws Failure saying who has a port, or what listening beyond loopback needs. */
async function start(
  settings: AgentSettings,
  log: Logger,
  agent: { leave(): void; reload(): Promise<void> },
): Promise<RunningRegistry> {
  const { host, dnsPort, dataDir } = settings
  if (dataDir !== undefined) makeFolder(dataDir)
  const storage = dataDir === undefined ? 'memory' : { sqlite: path.join(dataDir, DATABASE) }
  const resetFile = dataDir === undefined ? undefined : path.join(dataDir, RESET_FILE)
  try {
    return await startRegistry({
      ...settings,
      acl: settings.acl && { ...settings.acl, resetFile },
      storage,
      log,
      agent,
    })
  } catch (error) {
    if (error instanceof ConfigError && error.issues.some(({ key }) => key === 'host')) throw wantsToken(host)
    const isDns = dnsPort !== undefined && (error as { port?: number }).port === dnsPort
    throw isDns
      ? await explainListenError(error, 'DNS', '-dns-port')
      : await explainListenError(error, 'HTTP', '-http-port')
  }
}

function wantsToken(host: string): Failure {
  return new Failure(
    `-client ${host}: without a token everyone on the network could change every service, so Skein does not serve there`,
    "Set SKEIN_REGISTRY_TOKEN (clients send it as X-Consul-Token, Consul's by CONSUL_HTTP_TOKEN), or turn ACLs on " +
      '("acl": {"enabled": true, "default_policy": "deny"}), or leave -client at 127.0.0.1, or say -unprotected.',
  )
}

/** The unspecified address is nowhere to connect to. */
function reachable({ port, url }: RunningRegistry, { host }: AgentSettings): string {
  return host === '0.0.0.0' || host === '::' ? `http://127.0.0.1:${port}` : url
}

/** What scripts look for in the output of an agent. */
function banner(registry: RunningRegistry, { host, datacenter = 'dc1' }: AgentSettings): string[] {
  const dns = registry.dnsPort ?? -1
  return [
    `           Version: '${CONSUL_VERSION}' (Skein ${version()})`,
    `         Node name: '${registry.node}'`,
    `        Datacenter: '${datacenter}'`,
    '            Server: true',
    `       Client Addr: [${host}] (HTTP: ${registry.port}, HTTPS: -1, DNS: ${dns})`,
    '==> Consul agent running! The log follows.',
  ]
}

/** Reads services, checks and watches again on SIGHUP and on request, one time after the other. */
class Reloads {
  readonly #call: AgentCall
  readonly #log: Logger
  /** What the files are applied to, once the registry serves. */
  #parts: readonly { apply(config: LoadedConfig): Promise<void> }[] = []
  readonly #begun = Promise.withResolvers<void>()
  #last = this.#begun.promise

  /** Listens from now on: a SIGHUP that nobody takes would end the process. */
  constructor(call: AgentCall, log: Logger) {
    this.#call = call
    this.#log = log
    process.on('SIGHUP', this.#onSignal)
  }

  async begin(registrations: Registrations, watches: Watches, config: LoadedConfig): Promise<void> {
    const parts = [registrations, watches]
    for (const part of parts) await part.apply(config)
    this.#parts = parts
    this.#begun.resolve()
  }

  end(): void {
    process.off('SIGHUP', this.#onSignal)
  }

  /** As soon as the agent has begun. @throws what is wrong with the files; what was registered goes on then. */
  run(): Promise<void> {
    const next = this.#last.then(() => this.#reload())
    this.#last = next.catch(() => {}) // whoever asked is told; the next one begins afresh
    return next
  }

  readonly #onSignal = () => {
    this.run().catch((error: unknown) =>
      this.#log.error({ err: error }, 'the configuration is refused; the last one goes on'),
    )
  }

  async #reload(): Promise<void> {
    const config = loadConfig(configSources(this.#call), this.#call.cwd)
    for (const warning of config.warnings) this.#log.warn(warning)
    for (const part of this.#parts) await part.apply(config)
    const [services, checks, watches] = [config.services, config.checks, config.watches].map(({ length }) => length)
    this.#log.info({ services, checks, watches }, 'configuration read again')
  }
}
