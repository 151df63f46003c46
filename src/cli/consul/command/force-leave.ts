/** `consul force-leave`: for scripts that tidy up a cluster. Here one member is there, and alive. */
import { SkeinError } from '../../../core/errors.ts'
import { Failure } from '../../command.ts'
import { CLIENT_FLAGS, withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options] name',
  description: `Takes a member for left. The registry's only member is itself, and is alive: for that nothing happens, as in Consul;
any other name is unknown. Services that are gone are removed by consul services deregister, or skein registry remove.`,
  examples: ['force-leave node1'],
  flags: {
    ...CLIENT_FLAGS,
    prune: { kind: 'switch', description: 'Forget the member altogether.' },
    wan: { kind: 'switch', description: 'A member of another datacenter.' },
  },
  async run(call) {
    const { args, flags } = call
    if (args.length !== 1) throw new Failure('A single node name must be specified to force leave.')
    const params = { prune: flags.prune || undefined, wan: flags.wan || undefined }
    return withApi(call, async (api) => {
      try {
        await api.put(`/v1/agent/force-leave/${encodeURIComponent(args[0]!)}`, params)
      } catch (error) {
        if (!(error instanceof SkeinError || error instanceof Failure)) throw error
        throw new Failure(`Error force leaving: ${error.message}`)
      }
      return 0
    })
  },
})
