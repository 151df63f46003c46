/** `skein logs`: what the instances wrote. */
import type { ControlClient, LogQuery } from '../../control/client.ts'
import { nearest } from '../../core/issues.ts'
import { type Context, defineCommand, Failure, type Options, UsageError } from '../command.ts'
import { CONFIG_OPTION, withFleet } from '../running.ts'
import { LogFormatter } from '../ui/log-line.ts'

const LAST_DEFAULT = 100

const OPTIONS = {
  follow: { kind: 'flag', short: 'f', description: 'Go on with new lines until Ctrl-C.' },
  last: { kind: 'count', short: 'n', description: `How many lines to begin with. Default: ${LAST_DEFAULT}.` },
  config: CONFIG_OPTION,
} as const satisfies Options

export default defineCommand({
  name: 'logs',
  usage: '[service | instance] [options]',
  description: `Shows what the instances wrote, oldest first, merged, with the instance before each line. The fleet keeps the last
10,000 lines. With --json each line is one JSON document: {at, service, instance, stream, text}.`,
  options: OPTIONS,
  examples: [
    ['skein logs -f', 'everything, as it comes'],
    ['skein logs orders -n 20', 'the last 20 lines of orders'],
    ['skein logs --json | jq -r .text', 'the lines as they were written'],
  ],
  failure: 'no fleet runs here, or nothing has this name',
  run: ({ options, args, terminal, cwd }: Context<typeof OPTIONS>) => {
    const [target, ...rest] = args
    if (rest.length > 0) throw new UsageError('name one service or instance, or none for all')
    return withFleet(cwd, options.config, async (fleet) => {
      const formatter = new LogFormatter(terminal.out.paint)
      const query = { last: options.last ?? LAST_DEFAULT, ...(await filterFor(fleet, target)) }
      for await (const line of options.follow === true ? fleet.follow(query) : await fleet.logs(query)) {
        if (terminal.wantsJson) terminal.json(line)
        else if ('dropped' in line) terminal.err.line(`… ${line.dropped} lines left out: this terminal is too slow`)
        else terminal.out.line(formatter.format(line))
      }
      return 0
    })
  },
})

/** A name is that of a service or of an instance; the fleet knows which. */
async function filterFor(fleet: ControlClient, target: string | undefined): Promise<LogQuery> {
  if (target === undefined) return {}
  const instances = await fleet.instances()
  if (instances.some(({ service }) => service === target)) return { service: target }
  if (instances.some(({ id }) => id === target)) return { instance: target }
  const names = new Set(instances.flatMap(({ service, id }) => [service, id]))
  const near = nearest(target, names)
  const fix = near === undefined ? `There are: ${[...names].join(', ')}.` : `Did you mean ${near}?`
  throw new Failure(`nothing called ${target} runs here`, fix)
}
