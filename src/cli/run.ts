/** From the command line to an exit status. */
import { nearest } from '../core/issues.ts'
import type { Environment } from '../core/settings.ts'
import { parseArguments } from './args.ts'
import { type Command, type ExitStatus, shown, UsageError } from './command.ts'
import { COMMANDS, type CommandEntry } from './commands.ts'
import { commandHelp, overview } from './help.ts'
import { showError } from './show-error.ts'
import { createTerminal, type Stream, type Terminal } from './ui/terminal.ts'
import { version } from './version.ts'

export interface Surroundings {
  readonly stdout: Stream
  readonly stderr: Stream
  readonly env: Environment
  readonly cwd: string
}

/** Runs one command line, without `node skein`. Never throws and never exits: what went wrong is shown and becomes the status. */
export async function runCommandLine(argv: readonly string[], surroundings: Surroundings): Promise<ExitStatus> {
  const before = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  const terminal = createTerminal({
    ...surroundings,
    json: before.includes('--json'),
    noColor: before.includes('--no-color'),
  })
  const at = argv.findIndex((word) => !word.startsWith('-'))
  const words = at < 0 ? [] : argv.slice(at, at + 2)
  try {
    if (words[0] === undefined || words[0] === 'help') return await general(argv, at, terminal)
    const command = findCommand(words)
    return await runCommand(command, argv.toSpliced(at, command.name.split(' ').length), terminal, surroundings)
  } catch (error) {
    const known = knownCommand(words)
    return showError(error, known === undefined ? 'skein --help' : `skein ${known.name} --help`, terminal)
  }
}

/** No command: `skein`, `skein --version`, `skein help`, `skein help scale`. */
async function general(argv: readonly string[], at: number, terminal: Terminal): Promise<ExitStatus> {
  const { values, args } = parseArguments(argv.toSpliced(at, at < 0 ? 0 : 1), {})
  if (values['version'] === true) terminal.out.line(version())
  else if (args[0] === undefined) terminal.out.line(overview(terminal.out.paint))
  else await showHelp(findCommand(args), terminal)
  return 0
}

/** The longer name goes first: `registry export` before `registry`. */
function knownCommand([first, second]: readonly string[]): CommandEntry | undefined {
  const named = (name: string) => COMMANDS.find((command) => command.name === name)
  return named(`${first} ${second}`) ?? named(`${first}`)
}

function findCommand(words: readonly string[]): CommandEntry {
  const found = knownCommand(words)
  if (found !== undefined) return found
  const near = words[0] === '' ? undefined : nearest(words[0]!, [...COMMANDS.map(({ name }) => name), 'help'])
  throw new UsageError(
    `unknown command ${shown(words[0]!)}${near === undefined ? '' : `; did you mean skein ${near}?`}`,
  )
}

async function runCommand(
  entry: CommandEntry,
  argv: readonly string[],
  terminal: Terminal,
  { env, cwd }: Surroundings,
): Promise<ExitStatus> {
  const { default: command } = await entry.load()
  if (command.raw === true && !asksForHelp(argv))
    return command.run({ options: {}, args: argv, extra: [], terminal, env, cwd })
  const { values, args, extra } = parseArguments(argv, command.options, command.open)
  if (values['help'] === true) return showHelp(entry, terminal, command)
  if (values['version'] === true) terminal.out.line(version())
  else return command.run({ options: values as never, args, extra, terminal, env, cwd })
  return 0
}

/** Options of its sub-commands are a raw command's own business. */
function asksForHelp(argv: readonly string[]): boolean {
  return argv.length === 1 && (argv[0] === '--help' || argv[0] === '-h')
}

async function showHelp(entry: CommandEntry, terminal: Terminal, command?: Command): Promise<ExitStatus> {
  const shown = command ?? (await entry.load()).default
  terminal.out.line(commandHelp(shown, entry.summary, terminal.out.paint))
  return 0
}
