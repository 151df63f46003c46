/** `skein registry allow`: lets an instance register again that was removed for good. */
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { bodyOf, REGISTRY_OPTIONS, withRegistry } from '../registry/connection.ts'

const OPTIONS = {
  ...REGISTRY_OPTIONS,
  node: { kind: 'text', description: 'Node of the instance, where several have one of this ID.' },
} as const satisfies Options

export default defineCommand({
  name: 'registry allow',
  usage: '<instance> [options]',
  description: `Lets an instance register again that skein registry remove has taken out. If it runs it comes back by itself within seconds.`,
  options: OPTIONS,
  examples: [
    ['skein registry allow users-2', 'it may come back'],
    ['skein registry allow users-2 --registry http://10.0.0.5:8500', 'in another registry'],
  ],
  failure: 'this instance is not kept out, or the registry does not answer',
  run: (context: Context<typeof OPTIONS>) => {
    const [instance, ...rest] = context.args
    if (instance === undefined || rest.length > 0) throw new UsageError('name one instance, such as users-2')
    const { node } = context.options
    const query = node === undefined ? '' : `?node=${encodeURIComponent(node)}`
    return withRegistry(context, async (consul) => {
      const answer = await consul.put(`/v1/skein/allow/${encodeURIComponent(instance)}${query}`)
      const allowed = bodyOf(answer, 'skein registry removed lists what is kept out.')
      const { terminal } = context
      if (terminal.wantsJson) terminal.json(allowed)
      else terminal.out.line(`${terminal.out.paint('green', '✓')} ${instance} may register again`)
      return 0
    })
  },
})
