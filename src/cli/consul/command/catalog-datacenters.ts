/** `consul catalog datacenters`. */
import { CLIENT_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Lists the datacenters: there is one.',
  examples: ['catalog datacenters'],
  flags: CLIENT_FLAGS,
  run: (call) =>
    withApi(call, async (api) => {
      const { body } = await api.get('/v1/catalog/datacenters')
      for (const name of body as string[]) call.terminal.out.line(name)
      return 0
    }),
})
