/** `skein registry removed`: who is kept out. */
import { type Context, defineCommand, refuseArguments } from '../command.ts'
import { bodyOf, REGISTRY_OPTIONS, withRegistry } from '../registry/connection.ts'
import { table } from '../ui/table.ts'

interface Removed {
  readonly ServiceID: string
  readonly Service: string
  readonly Node: string
  readonly Reason: string
  readonly Time: string
}

const COLUMNS = ['INSTANCE', 'SERVICE', 'NODE', 'SINCE', 'REASON'].map((title) => ({ title }))

export default defineCommand({
  name: 'registry removed',
  usage: '[options]',
  description: `Lists the instances that skein registry remove keeps out, since when and why.`,
  options: REGISTRY_OPTIONS,
  examples: [
    ['skein registry removed', 'who is kept out'],
    ['skein registry removed --json', 'as [{ServiceID, Service, Node, Reason, Time}]'],
  ],
  failure: 'the registry does not answer',
  run: (context: Context<typeof REGISTRY_OPTIONS>) => {
    refuseArguments(context.args)
    return withRegistry(context, async (consul) => {
      const all = bodyOf(await consul.get('/v1/skein/removed')) as Removed[]
      const { terminal } = context
      const rows = all.map(({ ServiceID, Service, Node, Time, Reason }) => [ServiceID, Service, Node, Time, Reason])
      if (terminal.wantsJson) terminal.json(all)
      else if (all.length === 0) terminal.out.line('nobody is kept out')
      else for (const line of table(COLUMNS, rows, terminal.out.paint)) terminal.out.line(line)
      return 0
    })
  },
})
