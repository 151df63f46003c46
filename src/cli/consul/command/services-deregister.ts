/** `consul services deregister`. */
import { Failure } from '../../command.ts'
import { type Api, QUERY_FLAGS, withApi } from '../api.ts'
import { loadConfig } from '../config/load.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options] [FILE…]',
  description: 'Removes a service by its ID, or all of configuration files.',
  examples: ['services deregister -id=web-1', 'services deregister web.json'],
  flags: { ...QUERY_FLAGS, id: { kind: 'text', description: 'ID of the service; not with files.' } },
  async run(call) {
    const { args, flags, cwd, terminal } = call
    if (args.length === 0 && flags.id === undefined)
      throw new Failure('Service deregistration requires at least one argument or -id.')
    if (args.length > 0 && flags.id !== undefined)
      throw new Failure('Service deregistration requires arguments or -id, not both.')
    const { services } = loadConfig(
      args.map((name) => ({ name })),
      cwd,
    )
    const ids = flags.id === undefined ? services.map(({ id }) => id) : [flags.id]
    return withApi(call, async (api) => {
      for (const id of ids) {
        await deregister(api, id)
        terminal.out.line(`Deregistered service: ${id}`)
      }
      return 0
    })
  },
})

async function deregister(api: Api, id: string): Promise<void> {
  try {
    await api.put(`/v1/agent/service/deregister/${encodeURIComponent(id)}`)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(`Error deregistering service ${JSON.stringify(id)}: ${error.message}`)
  }
}
