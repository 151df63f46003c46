/** `skein registry remove`: takes an instance out for good. */
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { bodyOf, REGISTRY_OPTIONS, withRegistry } from '../registry/connection.ts'

const OPTIONS = {
  ...REGISTRY_OPTIONS,
  reason: { kind: 'text', description: 'Why: shown in the history, and to the instance when it is refused.' },
  node: { kind: 'text', description: 'Node of the instance, where several have one of this ID.' },
  force: { kind: 'flag', description: 'Keep it out although it is not registered at the moment.' },
} as const satisfies Options

export default defineCommand({
  name: 'registry remove',
  usage: '<instance> [options]',
  description: `Takes an instance out of the registry and keeps it out: when it registers again by itself, as instances do, it is refused,
also after a restart of the registry. skein registry allow lets it in again, skein registry removed lists what is kept out.`,
  options: OPTIONS,
  examples: [
    ['skein registry remove users-2', 'no call goes there any more'],
    ['skein registry remove users-2 --reason "bad disk"', 'and everybody sees why'],
  ],
  failure: 'no such instance is registered, or the registry does not answer',
  run: (context: Context<typeof OPTIONS>) => {
    const [instance, ...rest] = context.args
    if (instance === undefined || rest.length > 0) throw new UsageError('name one instance, such as users-2')
    const { reason, node, force } = context.options
    const query = new URLSearchParams({ ...(reason !== undefined && { reason }), ...(node !== undefined && { node }) })
    if (force === true) query.set('force', '')
    return withRegistry(context, async (consul) => {
      const answer = await consul.put(`/v1/skein/remove/${encodeURIComponent(instance)}?${query}`)
      const removed = bodyOf(answer, 'skein ps lists the instances; --force keeps out what is not registered.')
      const { terminal } = context
      if (terminal.wantsJson) terminal.json(removed)
      else
        terminal.out.line(
          `${terminal.out.paint('green', '✓')} ${instance} is out, and stays out until skein registry allow ${instance}`,
        )
      return 0
    })
  },
})
