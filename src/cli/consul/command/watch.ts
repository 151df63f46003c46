/** `consul watch`: what a view shows, once; or each of its states, to a program. */
import { type ExitStatus, Failure } from '../../command.ts'
import { onAskedToEnd } from '../../lifetime.ts'
import { type Api, QUERY_FLAGS, withApi } from '../api.ts'
import { type ConsulCall, consulCommand } from '../contract.ts'
import { showExact } from '../exact.ts'
import { readBoolean } from '../flags.ts'
import { statesOf } from '../watch/changes.ts'
import { runHandler } from '../watch/handler.ts'
import { VIEWS, type View, viewOf } from '../watch/views.ts'

const FLAGS = {
  ...QUERY_FLAGS,
  type: { kind: 'text', description: `What to watch: ${Object.keys(VIEWS).join(', ')}.` },
  key: { kind: 'text', description: 'The key; for type key.' },
  prefix: { kind: 'text', description: 'Beginning of the keys; for type keyprefix.' },
  service: { kind: 'text', description: 'Name of the service; for type service, and for checks.' },
  tag: { kind: 'list', description: 'Only instances with this tag; for type service.' },
  passingonly: { kind: 'text', description: 'true = only instances that pass all checks; for type service.' },
  state: { kind: 'text', description: 'passing, warning, critical or any; for type checks.' },
  name: { kind: 'text', description: 'Only events of this name; for type event.' },
  shell: { kind: 'switch', description: 'Run the program by $SHELL or sh. Default: true.' },
} as const

type Call = ConsulCall<typeof FLAGS>

export default consulCommand({
  usage: '-type=<type> [options] [program …]',
  description: `Shows as JSON what is there now, and ends. With a program: runs it with that JSON on its standard input, now and after each
change, one after the other, until it fails (exit status 1) or the watch is ended by SIGINT or SIGTERM (0). Of events it gets
those that are there, then the new ones.`,
  examples: ['watch -type=service -service=web', 'watch -type=key -key=config/limit ./changed.sh'],
  flags: FLAGS,
  async run(call) {
    const { passingonly, ...flags } = call.flags
    const passing = passingonly === undefined ? false : readBoolean(passingonly)
    if (passing === undefined) throw new Failure(`-passingonly=${passingonly}: write true or false`)
    const view = viewOf({ ...flags, passing })
    return withApi(call, (api) => (call.args.length === 0 ? showOnce(api, view, call) : follow(api, view, call)))
  },
})

async function showOnce(api: Api, view: View, { terminal }: Call): Promise<ExitStatus> {
  const { body } = await api.get(view.path, view.params)
  terminal.out.line(showExact(view.shape(body), '    '))
  return 0
}

async function follow(api: Api, view: View, call: Call): Promise<ExitStatus> {
  const stop = new AbortController()
  const forget = onAskedToEnd(() => stop.abort())
  try {
    const { args: words, clock, cwd, env, terminal } = call
    const { signal } = stop
    const handler = { words, shell: call.flags.shell !== false, signal, env, cwd, write: terminal.out.raw }
    for await (const change of statesOf(view, { api, clock, signal, tell: terminal.err.line })) {
      await runHandler({ ...handler, ...change })
    }
    return 0
  } catch (error) {
    if (stop.signal.aborted) return 0
    throw error
  } finally {
    forget()
  }
}
