/** `consul info`. */
import { Failure } from '../../command.ts'
import { CLIENT_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

type Stats = Readonly<Record<string, Readonly<Record<string, string>>>>

export default consulCommand({
  usage: '[options]',
  description: 'Shows what the agent tells of itself, by subject.',
  examples: ['info'],
  flags: CLIENT_FLAGS,
  run: (call) =>
    withApi(call, async (api) => {
      const { body } = await api.get('/v1/agent/self')
      const { Stats: stats } = body as { Stats?: Stats }
      if (stats === undefined) throw new Failure('The answer of the agent has no Stats')
      for (const subject of Object.keys(stats).sort()) {
        call.terminal.out.line(`${subject}:`)
        const values = Object.entries(stats[subject]!).sort(([a], [b]) => (a < b ? -1 : 1))
        for (const [name, value] of values) call.terminal.out.line(`\t${name} = ${value}`)
      }
      return 0
    }),
})
