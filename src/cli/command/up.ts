/** `skein up`: everything, on this machine. */
import { systemClock } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import type { Environment } from '../../core/settings.ts'
import { readTracing } from '../../telemetry/spans/settings.ts'
import { type Context, defineCommand, type ExitStatus, Failure, type Options, refuseArguments } from '../command.ts'
import { loadConfig } from '../config/load.ts'
import { onAskedToEnd } from '../lifetime.ts'
import { CONFIG_OPTION } from '../running.ts'
import { choosePorts } from '../up/choose-ports.ts'
import { Ending } from '../up/ending.ts'
import { planFleet } from '../up/plan.ts'
import { preflight, refusePlatform, refuseSecond } from '../up/preflight.ts'
import { startSession } from '../up/session.ts'
import { FleetTokens } from '../up/tokens.ts'
import { createView } from '../up/view.ts'

const OPTIONS = {
  config: CONFIG_OPTION,
  port: {
    kind: 'port',
    description: 'Port of the gateway. Default: gateway.port in the config, else 8080; 0 = any free one.',
  },
  'registry-port': {
    kind: 'port',
    description: 'Port of the registry. Default: registry.port, else 8500; 0 = any free one, and for DNS too.',
  },
  'dns-port': {
    kind: 'text',
    value: 'port',
    description: "Port of the registry's DNS. Default: registry.dnsPort, else 8600; off = none.",
  },
  verbose: { kind: 'flag', short: 'v', description: "Show every service's access lines, not only the gateway's." },
} as const satisfies Options

export default defineCommand({
  name: 'up',
  usage: '[options]',
  description: `Runs the registry, the gateway and every service of the nearest skein.config.ts, each instance in a process of its own.
What fails is started again. A saved change of the config is applied while everything runs. Ctrl-C drains and ends all
within 5 s; a second Ctrl-C kills what is left. With --json each line on stdout is one event.`,
  options: OPTIONS,
  examples: [
    ['skein up', 'run the nearest skein.config.ts'],
    ['skein up --config shop/skein.config.ts --port 9000', 'another config, the gateway on port 9000'],
    ['skein up --port 0 --registry-port 0', 'beside another fleet, on any free ports'],
  ],
  failure: 'the config has mistakes, a port is taken, or a part of Skein does not start',
  async run({ options, args, terminal, env, cwd }: Context<typeof OPTIONS>): Promise<ExitStatus> {
    refuseArguments(args)
    refusePlatform(process.platform)
    // What each part would refuse in turn is told once.
    readTracing(env)
    const clock = systemClock
    const startedAt = clock.monotonic()
    const { config, file } = await loadConfig(options.config, cwd)
    await refuseSecond(file, cwd)
    const ports = await choosePorts(options, config)
    const tokens = new FleetTokens(env)
    const plan = planFleet(config, file, ports, tokens)
    await preflight(plan, cwd, env)
    const view = createView({ terminal, clock, verbose: options.verbose ?? false, skein: callName(env) })
    const read = async () => planFleet((await loadConfig(file, cwd)).config, file, ports, tokens)
    const ending = new Ending(() => view.ending())
    const forget = onAskedToEnd(ending.ask)
    try {
      const session = await startSession({ plan, view, clock, env, read, end: ending.ask })
      ending.begin(session.fleet)
      void session.fleet.settled().then(() => {
        if (!ending.begun) view.ready(plan, session.fleet.list(), clock.monotonic() - startedAt)
      })
      await ending.ended
      await session.close()
    } catch (error) {
      throw explainStart(error)
    } finally {
      view.end()
      forget()
    }
    return 0
  },
})

/** Registry or gateway did not come up; with them everything else has gone again. */
function explainStart(error: unknown): unknown {
  if (!(error instanceof SkeinError) || error.code !== 'START_FAILED') return error
  return new Failure(error.message, 'Everything has been stopped again.')
}

/** How the user calls this program: npm sets npm_command for what `npx` and `npm run` start. */
function callName(env: Environment): string {
  return env['npm_command'] === undefined ? 'skein' : 'npx skein'
}
