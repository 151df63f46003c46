/** `skein gateway`: the edge, in a process of its own. */
import { createCaller } from '../../client/caller.ts'
import { systemClock } from '../../core/clock.ts'
import { ConfigError } from '../../core/issues.ts'
import type { Logger } from '../../core/log.ts'
import { reportReady } from '../../core/parent.ts'
import { systemRandom } from '../../core/random.ts'
import { registryAddress, registryToken } from '../../core/settings.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { snapshotFolder } from '../../discovery/snapshot-place.ts'
import { consulSource } from '../../discovery/source/consul.ts'
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { loadConfig } from '../config/load.ts'
import { followConfig } from '../gateway/follow.ts'
import { type ConfigSource, fileSource, kvSource } from '../gateway/sources.ts'
import { withSteps } from '../gateway/steps.ts'
import { untilAskedToEnd } from '../lifetime.ts'
import { processLog } from '../ui/process-log.ts'
import { GATEWAY_NAME, gatewayKey } from '../up/plan.ts'
import { explainListenError } from '../up/ports.ts'

const OPTIONS = {
  config: {
    kind: 'text',
    short: 'c',
    value: 'file',
    description: 'Take the gateway part of this config; SIGHUP reads it again.',
  },
  name: {
    kind: 'text',
    description: `Take skein/gateway/<name> of the registry, and follow it. Default: ${GATEWAY_NAME}.`,
  },
  steps: {
    kind: 'text',
    value: 'file',
    description: "Beside --name: the config that holds the functions which the registry's config refers to.",
  },
  registry: {
    kind: 'text',
    value: 'urls',
    description: 'The registry; several addresses with commas. Default: SKEIN_REGISTRY, else http://127.0.0.1:8500.',
  },
  port: { kind: 'port', description: "Listen here, whatever the config says. Default: the config's, else 8080." },
  'admin-port': {
    kind: 'port',
    description: 'For /metrics, /routes and /explain on loopback. Default: any free one, which is logged.',
  },
} as const satisfies Options

export default defineCommand({
  name: 'gateway',
  usage: '[--config <file> | --name <name>] [options]',
  description: `Routes requests from outside to the instances that the registry lists. Its config comes from a file or from the
registry's KV, where a change is taken up at once. A change with mistakes is refused, and the last good config goes on.
SIGTERM and Ctrl-C let the requests under way end first.`,
  options: OPTIONS,
  examples: [
    ['skein gateway --config skein.config.ts', 'run the gateway of this config'],
    ['skein gateway --name edge --registry http://10.0.0.5:8500', 'follow skein/gateway/edge of that registry'],
    ['skein gateway --port 80 --admin-port 9901', 'listen on port 80, for operators on 9901'],
  ],
  failure: 'the config has mistakes, or the port cannot be had',
  async run({ options, terminal, env, cwd }: Context<typeof OPTIONS>) {
    if (options.config !== undefined && options.name !== undefined)
      throw new UsageError('give --config or --name, not both')
    const log = processLog('gateway', terminal)
    const stop = new AbortController()
    void untilAskedToEnd().then(() => stop.abort())
    const address = options.registry ?? registryAddress(env)
    const consul = new ConsulClient({
      address,
      token: registryToken(env),
      log,
      snapshots: snapshotFolder(env, address),
    })
    const source = consulSource({ client: consul, log })
    const caller = createCaller({ source, log })
    try {
      await followConfig({
        ...chooseSource(options, consul, log, cwd),
        ...{ caller, log, port: options.port, adminPort: options['admin-port'], signal: stop.signal },
        ready: (gateway) => reportReady(gateway.port),
      })
    } catch (error) {
      throw await explainListenError(error, 'gateway', '--port or gateway.port')
    } finally {
      await caller.close()
      await source.close()
      await consul.close()
    }
    return 0
  },
})

function chooseSource(
  options: Context<typeof OPTIONS>['options'],
  consul: ConsulClient,
  log: Logger,
  cwd: string,
): { source: ConfigSource; name: string } {
  if (options.config !== undefined) {
    const onReload = (run: () => void) => void process.on('SIGHUP', run)
    return { name: options.config, source: fileSource(() => gatewayOf(options.config, cwd), onReload, log) }
  }
  // What the registry holds is followed all the time; the signal which is for files must not end the process.
  process.on('SIGHUP', () => log.info('SIGHUP: this gateway follows the registry, there is nothing to read again'))
  const key = gatewayKey(options.name ?? GATEWAY_NAME)
  const source = kvSource({ consul, key, log, clock: systemClock, random: systemRandom })
  return { name: key, source: options.steps === undefined ? source : resolved(source, options.steps, cwd, log) }
}

/** The registry's configs with the functions of a file. One that cannot be read leaves the references, which are refused. */
function resolved(source: ConfigSource, file: string, cwd: string, log: Logger): ConfigSource {
  const load = () =>
    gatewayOf(file, cwd).catch((err) => {
      log.error({ err }, `the steps in ${file} cannot be read`)
    })
  return async function* values(signal) {
    for await (const value of source(signal)) yield await withSteps(value, load)
  }
}

async function gatewayOf(given: string | undefined, cwd: string): Promise<unknown> {
  const { config, file } = await loadConfig(given, cwd)
  if (config.gateway !== undefined && config.gateway !== false) return config.gateway
  const fix = 'Write gateway: { routes: [{ path: "/*", to: "…" }] }.'
  throw new ConfigError([{ file, key: 'gateway', message: 'there is none in this config', fix }])
}
