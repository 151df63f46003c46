/** `skein scale`: how many. */
import { wholeNumber } from '../args.ts'
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { CONFIG_OPTION, withFleet } from '../running.ts'

const OPTIONS = { config: CONFIG_OPTION } as const satisfies Options

export default defineCommand({
  name: 'scale',
  usage: '<service>=<count> …',
  description: `Runs more or fewer instances of services, while traffic goes on: new ones get requests once they are ready, surplus
ones drain before they end. Returns when that is done. It lasts as long as the fleet; the config stays as it is.`,
  options: OPTIONS,
  examples: [
    ['skein scale orders=5', 'five instances of orders'],
    ['skein scale orders=5 users=1', 'two services at once'],
    ['skein scale orders=0', 'none; the same as skein stop orders'],
  ],
  failure: 'no fleet runs here, there is no such service, or an instance does not start',
  run: ({ options, args, terminal, cwd }: Context<typeof OPTIONS>) => {
    const wanted = args.map(parseWish)
    if (wanted.length === 0) throw new UsageError('say what to scale: orders=5')
    const twice = wanted.find(({ service }, i) => wanted.findIndex((one) => one.service === service) !== i)
    if (twice !== undefined) throw new UsageError(`${twice.service} is named twice: give one count for it`)
    return withFleet(cwd, options.config, async (fleet) => {
      const results = await Promise.allSettled(wanted.map(({ service, instances }) => fleet.scale(service, instances)))
      const done = wanted.filter((_, i) => results[i]!.status === 'fulfilled')
      const failed = results.find((result) => result.status === 'rejected')
      if (!terminal.wantsJson)
        for (const one of done)
          terminal.out.line(`${terminal.out.paint('green', '✓')} ${one.service}: ${one.instances}`)
      if (failed !== undefined) throw failed.reason
      if (terminal.wantsJson)
        terminal.json({ scaled: Object.fromEntries(done.map((one) => [one.service, one.instances])) })
      return 0
    })
  },
})

function parseWish(argument: string): { service: string; instances: number } {
  const [service = '', count = '', ...rest] = argument.split('=')
  const instances = wholeNumber(count, Number.MAX_SAFE_INTEGER)
  if (service === '' || instances === undefined || rest.length > 0) {
    throw new UsageError(`${argument}: write <service>=<count>, such as orders=5`)
  }
  return { service, instances }
}
