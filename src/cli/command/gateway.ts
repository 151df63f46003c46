/** `skein gateway`: the edge, in a process of its own. */
import { systemClock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import { systemRandom } from '../../core/random.ts'
import { registryAddress } from '../../core/settings.ts'
import type { ConsulClient } from '../../discovery/consul-client.ts'
import { readTracing } from '../../telemetry/spans/settings.ts'
import { type Context, defineCommand, type Options, refuseArguments, UsageError } from '../command.ts'
import { isObject } from '../config/shape.ts'
import { gatewayOf } from '../gateway/gateway-of.ts'
import { registryClient } from '../gateway/outward.ts'
import { runGateway } from '../gateway/run.ts'
import { type ConfigSource, fileSource, kvSource } from '../gateway/sources.ts'
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
  host: {
    kind: 'text',
    description: "Listen on this address, whatever the config says. Default: the config's, else 127.0.0.1.",
  },
  workers: {
    kind: 'text',
    value: 'count',
    description: "Processes that share the port, auto = one for each core. Default: the config's, else 1.",
  },
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
    ['skein gateway --config skein.config.ts --workers auto', 'use all cores'],
  ],
  failure: 'the config has mistakes, or the port cannot be had',
  async run({ options, args, terminal, env, cwd }: Context<typeof OPTIONS>) {
    refuseArguments(args)
    // Here and not by each worker.
    readTracing(env)
    if (options.config !== undefined && options.name !== undefined)
      throw new UsageError('give --config or --name, not both')
    const log = processLog('gateway', terminal)
    const stop = new AbortController()
    void untilAskedToEnd().then(() => stop.abort())
    const registry = options.registry ?? registryAddress(env)
    const consul = registryClient(registry, env, log)
    try {
      await runGateway({
        ...listeningOn(options.host, chooseSource(options, consul, log, cwd)),
        ...{ registry, consul, log, env, cwd, json: terminal.wantsJson, signal: stop.signal },
        ...{ port: options.port, adminPort: options['admin-port'], workers: workersOf(options.workers) },
      })
    } catch (error) {
      throw await explainListenError(error, 'gateway', '--port or gateway.port')
    } finally {
      await consul.close()
    }
    return 0
  },
})

function workersOf(given: string | undefined): number | 'auto' | undefined {
  if (given === undefined || given === 'auto') return given
  if (/^[1-9]\d{0,2}$/.test(given)) return Number(given)
  throw new UsageError(`--workers ${given}: write a whole number from 1, or auto`)
}

/** With another host than the config's, where one is given. */
function listeningOn<S extends { readonly source: ConfigSource }>(host: string | undefined, chosen: S): S {
  if (host === undefined) return chosen
  return {
    ...chosen,
    async *source(signal: AbortSignal) {
      for await (const value of chosen.source(signal)) yield isObject(value) ? { ...value, host } : value
    },
  }
}

/** Where the config comes from, and the file that has the functions to which its values refer. */
function chooseSource(
  options: Context<typeof OPTIONS>['options'],
  consul: ConsulClient,
  log: Logger,
  cwd: string,
): { source: ConfigSource; name: string; steps: string | undefined } {
  if (options.config !== undefined) {
    const file = options.config
    const onReload = (run: () => void) => void process.on('SIGHUP', run)
    return { name: file, source: fileSource(() => gatewayOf(file, cwd), onReload, log), steps: file }
  }
  // What the registry holds is followed all the time; the signal which is for files must not end the process.
  process.on('SIGHUP', () => log.info('SIGHUP: this gateway follows the registry, there is nothing to read again'))
  const key = gatewayKey(options.name ?? GATEWAY_NAME)
  return {
    name: key,
    source: kvSource({ consul, key, log, clock: systemClock, random: systemRandom }),
    steps: options.steps,
  }
}
