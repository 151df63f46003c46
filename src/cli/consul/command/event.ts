/** `consul event`: fires a user event. */
import { SkeinError } from '../../../core/errors.ts'
import { compileRegExp } from '../../../registry/filter/regexp.ts'
import { Failure } from '../../command.ts'
import { type Api, QUERY_FLAGS, withApi } from '../api.ts'
import { type ConsulCall, consulCommand } from '../contract.ts'

const FLAGS = {
  ...QUERY_FLAGS,
  name: { kind: 'text', description: 'Name of the event.' },
  node: { kind: 'text', description: 'Only for nodes whose name matches this regular expression.' },
  service: { kind: 'text', description: 'Only for nodes with a service whose name matches this regular expression.' },
  tag: { kind: 'text', description: 'Only where that service has a tag that matches; with -service.' },
} as const

type Call = ConsulCall<typeof FLAGS>

export default consulCommand({
  usage: '-name=<name> [options] [payload]',
  description: `Fires an event, which whoever watches events (consul watch -type=event) hears of. The registry keeps the last 256 in
memory. Name and payload have 512 bytes at most.`,
  examples: ['event -name=deploy 1.4.2', 'event -name=restart -service=web'],
  flags: FLAGS,
  async run(call) {
    checkLine(call)
    return withApi(call, async (api) => {
      call.terminal.out.line(`Event ID: ${await fire(api, call)}`)
      return 0
    })
  },
})

/** @throws Failure for what cannot be meant. */
function checkLine({ args, flags: { name, node, service, tag } }: Call): void {
  if (name === undefined || name === '') throw new Failure('Event name must be specified')
  if (args.length > 1) throw new Failure('Too many command line arguments.')
  for (const [what, pattern] of Object.entries({ node, service, tag })) {
    try {
      if (pattern !== undefined) compileRegExp(pattern)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      throw new Failure(`Failed to compile ${what} filter regexp: ${error.message}: \`${pattern}\``)
    }
  }
  if (tag !== undefined && service === undefined) throw new Failure('Cannot provide tag filter without service filter.')
}

async function fire(api: Api, { args, flags: { name, node, service, tag } }: Call): Promise<string> {
  try {
    const text = await api.put(`/v1/event/fire/${encodeURIComponent(name!)}`, { node, service, tag }, args[0])
    return (JSON.parse(text) as { ID: string }).ID
  } catch (error) {
    if (!(error instanceof SkeinError || error instanceof Failure)) throw error
    throw new Failure(`Error firing event: ${error.message}`)
  }
}
