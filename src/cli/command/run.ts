/** `skein run`: one service in this process. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigError } from '../../core/issues.ts'
import { isServable, type Servable } from '../../service/servable.ts'
import { serve } from '../../service/serve.ts'
import { type Context, defineCommand, Failure, type Options, UsageError } from '../command.ts'
import { shortPath } from '../config/load.ts'
import { whereItFailed } from '../config/load-error.ts'
import { processLog } from '../ui/process-log.ts'
import { explainListenError } from '../up/ports.ts'

const OPTIONS = {
  port: { kind: 'port', description: 'Listen here. Default: SKEIN_PORT, PORT, else any free one.' },
  host: { kind: 'text', description: 'Listen on this address, and announce it. Default: SKEIN_HOST, else 127.0.0.1.' },
  registry: {
    kind: 'text',
    value: 'urls',
    description: 'Register there; several addresses with commas. Default: SKEIN_REGISTRY, else http://127.0.0.1:8500.',
  },
  'no-registry': { kind: 'flag', description: 'Do not register.' },
} as const satisfies Options

export default defineCommand({
  name: 'run',
  usage: '<entry> [options]',
  description: `Serves the service that a module exports by default, and registers it. This is what skein up does with each entry, and what
a container runs. SIGTERM and Ctrl-C deregister, drain and end it.`,
  options: OPTIONS,
  examples: [
    ['skein run users/service.ts', 'one instance, on a free port'],
    ['skein run users/service.ts --port 4000 --no-registry', 'alone, to try it with curl'],
    ['SKEIN_REGISTRY=http://10.0.0.5:8500 skein run users/service.ts --host 10.0.0.7', 'on another machine'],
  ],
  failure: 'the module cannot be loaded, exports no service, or the service does not start',
  async run({ options, args, terminal, env, cwd }: Context<typeof OPTIONS>) {
    const [entry, ...rest] = args
    if (entry === undefined || rest.length > 0) throw new UsageError('name one entry: ./users/service.ts')
    const file = path.resolve(cwd, entry)
    const shown = shortPath(file, cwd)
    const servable = await importService(file, shown)
    const registry = options['no-registry'] === true ? false : options.registry
    try {
      const { port, host } = options
      await serve(servable, { port, host, registry, env, log: processLog(servable.name, terminal) })
    } catch (error) {
      throw await explainStart(error, file, shown)
    }
    return 0 // the server keeps the process alive; serve() ends it on a signal
  },
})

/** @throws Failure naming the file, the line and the stack, or what its default export lacks. */
async function importService(file: string, shown: string): Promise<Servable> {
  if (!existsSync(file)) throw new Failure(`there is no file ${shown}`, `It was looked for at ${file}.`)
  const module = await import(pathToFileURL(file).href).catch(async (error) => {
    throw await failureOf(error, file, shown)
  })
  if (isServable(module.default)) return module.default
  const what = module.default === undefined ? 'exports nothing by default' : 'exports by default what is no service'
  throw new Failure(
    `${shown} ${what}`,
    "Write: export default service('users', { … }). An app of another framework: adaptFastify, adaptExpress or adaptHandler of skein/adapt.",
  )
}

async function explainStart(error: unknown, file: string, shown: string): Promise<unknown> {
  const explained = await explainListenError(error, shown, '--port or SKEIN_PORT')
  if (explained instanceof Failure || explained instanceof ConfigError) return explained
  return failureOf(explained, file, shown)
}

/** File, line, the line itself, and the stack without the frames of Node and of this loader. */
async function failureOf(error: unknown, file: string, shown: string): Promise<Failure> {
  const issue = await whereItFailed(error, file, shown)
  const frames = (error instanceof Error ? (error.stack ?? '') : '').split('\n').filter((line) => /^ +at /.test(line))
  const ours = frames.findIndex((line) => line.includes(import.meta.url))
  const own = frames.slice(0, ours < 0 ? undefined : ours).filter((line) => !line.includes('node:'))
  return new Failure(`${issue.file}: ${issue.message}`, [issue.fix, ...own].join('\n'))
}
