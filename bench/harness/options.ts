/** The options that all benches share. */
import { parseArgs } from 'node:util'
import { named, positive } from '../../scripts/run-script.ts'

export interface Options {
  readonly cases: readonly string[] | undefined
  readonly peers: readonly string[] | undefined
  readonly rounds: number
  readonly seconds: number
  readonly json: boolean
}

const help = ({ rounds, seconds }: Pick<Options, 'rounds' | 'seconds'>) => `Options:
  --case <name,…>   only these cases
  --peer <name,…>   only these peers (Skein is one of them: skein)
  --rounds <n>      rounds, of which the median counts; peers take turns within each (default ${rounds})
  --seconds <n>     length of one measurement (default ${seconds})
  --json            one line of JSON a measurement in place of the table
  --help            this text, with the cases and peers

Exit status: 0 measured, 1 it could not, 2 the command line is wrong.`

/** Undefined when help was asked for and given. @throws UsageError for an unknown option, case or peer. */
export function readOptions(
  bench: string,
  cases: readonly { name: string; what: string }[],
  peers: readonly { name: string; what: string }[],
  defaults: Pick<Options, 'rounds' | 'seconds'> = { rounds: 5, seconds: 5 },
): Options | undefined {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      case: { type: 'string' },
      peer: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log(
      `npm run bench -- ${bench} [options]\n\n${help(defaults)}\n\nCases:\n${list(cases)}\n\nPeers:\n${list(peers)}`,
    )
    return undefined
  }
  return {
    cases: known('case', values.case, cases),
    peers: known('peer', values.peer, peers),
    rounds: positive('rounds', values.rounds ?? String(defaults.rounds)),
    seconds: positive('seconds', values.seconds ?? String(defaults.seconds)),
    json: values.json ?? false,
  }
}

const list = (all: readonly { name: string; what: string }[]) =>
  all.map(({ name, what }) => `  ${name.padEnd(20)} ${what}`).join('\n')

function known(option: string, value: string | undefined, all: readonly { name: string }[]): string[] | undefined {
  return value?.split(',').map((name) => named(`--${option}`, name, all).name)
}
