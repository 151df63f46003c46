/** `skein stop`: a service, an instance, everything. */
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { CONFIG_OPTION, withFleet } from '../running.ts'

const OPTIONS = { config: CONFIG_OPTION } as const satisfies Options

export default defineCommand({
  name: 'stop',
  usage: '[service | instance]',
  description: `Stops a service or one instance, which drains first; skein restart brings it back. Without a name the whole fleet ends,
as with Ctrl-C where it runs.`,
  options: OPTIONS,
  examples: [
    ['skein stop orders', 'all instances of orders'],
    ['skein stop orders-2', 'only this one'],
    ['skein stop', 'everything'],
  ],
  failure: 'no fleet runs here, or nothing has this name',
  run: ({ options, args, terminal, cwd }: Context<typeof OPTIONS>) => {
    const [target, ...rest] = args
    if (rest.length > 0) throw new UsageError('name one service or instance, or none to stop everything')
    return withFleet(cwd, options.config, async (fleet) => {
      if (target === undefined) await fleet.shutdown()
      else await fleet.stop(target)
      if (terminal.wantsJson) terminal.json({ stopped: target ?? null })
      else terminal.out.line(`${terminal.out.paint('green', '✓')} ${target ?? 'the fleet'} stopped`)
      return 0
    })
  },
})
