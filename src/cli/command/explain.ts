/** `skein explain`: what a request would meet, without sending it. */
import { type Context, defineCommand, Failure, type Options, UsageError } from '../command.ts'
import { loadConfig } from '../config/load.ts'
import { type Answer, askGateway, explainConfig, type Question } from '../explain/answer.ts'
import { renderAnswer } from '../explain/render.ts'
import { runningInfo } from '../running.ts'

const OPTIONS = {
  host: { kind: 'text', value: 'name', description: 'The Host that the request names. Default: localhost.' },
  header: {
    kind: 'text',
    short: 'H',
    value: "'name: value'",
    multiple: true,
    description: 'A header of the request; may be repeated.',
  },
  admin: {
    kind: 'text',
    value: 'url',
    description: 'Admin port of the gateway to ask. Default: that of the fleet running here.',
  },
  config: {
    kind: 'text',
    short: 'c',
    value: 'file',
    description: 'The config, where no fleet runs. Default: the nearest one.',
  },
} as const satisfies Options

export default defineCommand({
  name: 'explain',
  usage: '<method> <path> [options]',
  description: `Tells which route a request takes and why, by which policy an instance is chosen, and which instances may be chosen
now. Nothing is sent to a service. Where no gateway runs, the route is explained from the config alone.`,
  options: OPTIONS,
  examples: [
    ['skein explain GET /order/7', 'the route, the policy and the candidates'],
    ['skein explain /order/7', 'GET is meant'],
    ["skein explain POST /user --host shop.example.com -H 'x-version: 2'", 'with what routes may look at'],
  ],
  failure: 'no route matches',
  async run({ options, args, terminal, cwd }: Context<typeof OPTIONS>) {
    const question = { ...target(args), host: options.host, headers: (options.header ?? []).map(checkHeader) }
    const answer = await ask(question, options, cwd)
    if (terminal.wantsJson) terminal.json(answer)
    else for (const line of renderAnswer(answer, terminal.out.paint)) terminal.out.line(line)
    return answer.route === null ? 1 : 0
  },
})

function target(args: readonly string[]): Pick<Question, 'method' | 'path'> {
  // In quotes, too.
  const [first = '', second, ...rest] = args.length === 1 ? args[0]!.trim().split(/\s+/) : args
  if (rest.length > 0) throw new UsageError('give a method and a path')
  if (first.startsWith('/') && second === undefined) return { method: 'GET', path: first }
  if (!/^[a-z]+$/i.test(first) || second?.startsWith('/') !== true) {
    throw new UsageError('give a method and a path that starts with /, such as GET /order/7')
  }
  return { method: first.toUpperCase(), path: second }
}

function checkHeader(header: string): string {
  if (/^[^:\s]+:/.test(header)) return header
  throw new UsageError(`--header ${header}: write 'name: value'`)
}

async function ask(question: Question, options: Context<typeof OPTIONS>['options'], cwd: string): Promise<Answer> {
  if (options.admin !== undefined) return askGateway(options.admin.replace(/\/+$/, ''), question)
  const running = await runningInfo(cwd, options.config)
  if (running?.admin !== undefined) return askGateway(running.admin, question)
  const { config, file } = await loadConfig(options.config, cwd)
  if (config.gateway === undefined || config.gateway === false) {
    throw new Failure(`${file} has no gateway`, 'A gateway elsewhere is asked with --admin <url>.')
  }
  return explainConfig(config.gateway, question)
}
