/** `skein restart`: new processes in the same places. */
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { CONFIG_OPTION, withFleet } from '../running.ts'

const OPTIONS = { config: CONFIG_OPTION } as const satisfies Options

export default defineCommand({
  name: 'restart',
  usage: '<service | instance>',
  description: `Restarts a service one instance at a time, so that the others answer meanwhile, or one instance by its id. Each drains
first, and the next goes only when the new one is ready. What was stopped is started.`,
  options: OPTIONS,
  examples: [
    ['skein restart orders', 'one after the other, with new code'],
    ['skein restart orders-2', 'only this one'],
  ],
  failure: 'no fleet runs here, nothing has this name, or the new process does not start',
  run: ({ options, args, terminal, cwd }: Context<typeof OPTIONS>) => {
    const [target, ...rest] = args
    if (target === undefined || rest.length > 0) throw new UsageError('name one service or instance')
    return withFleet(cwd, options.config, async (fleet) => {
      await fleet.restart(target)
      if (terminal.wantsJson) terminal.json({ restarted: target })
      else terminal.out.line(`${terminal.out.paint('green', '✓')} ${target} restarted`)
      return 0
    })
  },
})
