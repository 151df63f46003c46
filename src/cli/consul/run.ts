/** From the words after `skein consul` to an exit status. */
import { SkeinError } from '../../core/errors.ts'
import { nearest } from '../../core/issues.ts'
import { type ExitStatus, Failure } from '../command.ts'
import { showError } from '../show-error.ts'
import { ABSENT_COMMANDS, CONSUL_COMMANDS, type ConsulEntry } from './commands.ts'
import type { ConsulCommand, ConsulSurroundings } from './contract.ts'
import { parseFlags } from './flags.ts'
import { consulHelp, consulOverview } from './help.ts'

const HELP = ['-h', '--h', '-help', '--help', 'help']
const VERSION = ['-v', '--v', '-version', '--version']

/** Never throws: what went wrong is shown on stderr and becomes the status, 1 as in Consul. */
export async function runConsul(argv: readonly string[], surroundings: ConsulSurroundings): Promise<ExitStatus> {
  const { terminal } = surroundings
  const first = argv[0] ?? ''
  if (HELP.includes(first)) {
    terminal.out.line(consulOverview())
    return 0
  }
  if (VERSION.includes(first)) return runConsul(['version', ...argv.slice(1)], surroundings)
  const found = findCommand(argv)
  if (found === undefined) return explainAbsence(argv, surroundings)
  try {
    return await runCommand(found, argv.slice(found.name.split(' ').length), surroundings)
  } catch (error) {
    return showFailure(error, found.name, surroundings)
  }
}

function findCommand(argv: readonly string[]): ConsulEntry | undefined {
  const names = [3, 2, 1].map((count) => argv.slice(0, count).join(' '))
  return CONSUL_COMMANDS.find(({ name }) => names.includes(name))
}

/** `kv -h`, `kv`, `acl token lsit`, `bogus`: the commands there are, of the group that was meant. */
function explainAbsence(argv: readonly string[], { terminal: { out, err } }: ConsulSurroundings): ExitStatus {
  const [first = ''] = argv
  if (Object.hasOwn(ABSENT_COMMANDS, first)) {
    err.line(`consul ${first}: Skein does not offer this: ${ABSENT_COMMANDS[first]}.`)
    return 1
  }
  const group = groupOf(argv)
  const rest = argv[group === undefined ? 0 : group.split(' ').length]
  if (rest !== undefined && HELP.includes(rest)) {
    out.line(consulOverview(group))
    return 0
  }
  if (rest !== undefined) err.line(unknownCommand([group, rest].filter((word) => word !== undefined).join(' ')))
  err.line(consulOverview(group))
  return group === undefined ? 127 : 1
}

/** The longest beginning that several sub-commands share: `acl`, `acl token`. */
function groupOf(argv: readonly string[]): string | undefined {
  const names = [2, 1].filter((count) => count <= argv.length).map((count) => argv.slice(0, count).join(' '))
  return names.find((group) => CONSUL_COMMANDS.some(({ name }) => name.startsWith(`${group} `)))
}

function unknownCommand(words: string): string {
  const names = CONSUL_COMMANDS.map(({ name }) => name)
  const near = nearest(words, names)
  return `Unknown command: ${words}${near === undefined ? '' : `; did you mean consul ${near}?`}\n`
}

async function runCommand(
  entry: ConsulEntry,
  argv: readonly string[],
  surroundings: ConsulSurroundings,
): Promise<ExitStatus> {
  const { default: command } = await entry.load()
  const { values, given, unknown, args, wantsHelp } = parseFlags(argv, command.flags, command.lenient)
  if (wantsHelp) surroundings.terminal.out.line(consulHelp(entry, command))
  else {
    warnOfIgnored(values, command, surroundings)
    return command.run({ ...surroundings, flags: values as never, given, unknown, args })
  }
  return 0
}

function warnOfIgnored(values: Readonly<Record<string, unknown>>, { flags }: ConsulCommand, all: ConsulSurroundings) {
  for (const name of Object.keys(values)) {
    const reason = flags[name]?.ignored
    if (reason !== undefined && values[name] !== false)
      all.terminal.err.line(`Warning: -${name} has no effect: ${reason}`)
  }
}

function showFailure(error: unknown, name: string, { terminal }: ConsulSurroundings): ExitStatus {
  const { line } = terminal.err
  if (error instanceof Failure) {
    line(error.message)
    if (error.fix !== '') line(error.fix)
    return 1
  }
  if (error instanceof SkeinError && error.code === 'REGISTRY_UNAVAILABLE') {
    line(`Error querying Consul agent: ${error.message}`)
    return 1
  }
  return showError(error, `consul ${name} -h`, terminal)
}
