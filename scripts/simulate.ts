/** Compares policies on a virtual clock: `npm run simulate -- --help`. The simulation itself is `skein/simulate`. */
import { parseArgs } from 'node:util'
import { type BalanceConfig, parseBalance } from '../src/balance/index.ts'
import { wholeNumber } from '../src/cli/args.ts'
import { UsageError } from '../src/cli/command.ts'
import { checkHedge, type HedgePolicy } from '../src/client/hedge-policy.ts'
import { checkSeed, SCENARIOS, type SimulationResult, scenarioNamed, simulate } from '../src/simulate/index.ts'
import { positive, runScript } from './run-script.ts'

const INSTANCES_MAX = 100_000
/** Each is remembered until the figures are made. */
const REQUESTS_MAX = 10_000_000

const HELP = `Compares balancing policies on a virtual clock, with the client's own choosing, ejection and retry budget.

usage: npm run simulate -- [options]

  --scenario <name>     one of those below, or all; default equal
  --policy <balance>    a name, or an object in JSON as in a config; may be given again. Default: a selection
  --hedge <delay>       a second request after so many ms, or after p90, p95 or p99 of what calls took; default none
  --instances <n>       default 10, at most ${INSTANCES_MAX}
  --load <part>         requests over what all can carry; default 0.7
  --requests <n>        default 50000, at most ${REQUESTS_MAX}; some ten thousand of them take a second
  --callers <n>         that know nothing of each other, default 1
  --seed <n>            default 1; the same seed gives the same figures
  --check <n>           instead: n short random scenarios with their invariants, from --seed on
  --json                one JSON object a line

scenarios:
${Object.entries(SCENARIOS)
  .map(([name, about]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}

examples:
  npm run simulate -- --scenario slow --load 0.7
  npm run simulate -- --scenario scale --policy '{"policy":"hash","on":"ip","using":"maglev"}' --policy p2c
  npm run simulate -- --scenario all --json
  npm run simulate -- --check 10000 --seed 1

Exit status: 0 done, 1 an invariant does not hold, 2 the command line is wrong.`

const SELECTION: readonly BalanceConfig[] = [
  'p2c',
  { policy: 'p2c', load: 'in-flight' },
  'least-request',
  'round-robin',
  'weighted-round-robin',
  'edf',
  'random',
  { policy: 'hash', on: 'ip' },
  { policy: 'hash', on: 'ip', boundedLoad: 1.25 },
  { policy: 'hash', on: 'ip', using: 'maglev' },
  { policy: 'hash', on: 'ip', using: 'rendezvous' },
]

const OPTIONS = {
  scenario: { type: 'string', default: 'equal' },
  policy: { type: 'string', multiple: true },
  hedge: { type: 'string' },
  instances: { type: 'string', default: '10' },
  load: { type: 'string', default: '0.7' },
  requests: { type: 'string', default: '50000' },
  callers: { type: 'string', default: '1' },
  seed: { type: 'string', default: '1' },
  check: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

function main(): void {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.help) console.log(HELP)
  else if (values.check !== undefined) check(whole('check', values.check), whole('seed', values.seed), values.json)
  else compare(values)
}

function compare(values: Values): void {
  const seed = whole('seed', values.seed)
  const size = {
    instances: whole('instances', values.instances, INSTANCES_MAX),
    utilisation: positive('load', values.load),
    requests: whole('requests', values.requests, REQUESTS_MAX),
    callers: whole('callers', values.callers, INSTANCES_MAX),
  }
  const hedge = hedgeOf(values.hedge)
  const policies = values.policy?.map(policyOf) ?? SELECTION
  for (const name of values.scenario === 'all' ? Object.keys(SCENARIOS) : [values.scenario]) {
    const scenario = given('--scenario', () => scenarioNamed(name, size))
    for (const [i, balance] of policies.entries()) {
      const result = given(`--scenario ${name}`, () => simulate({ scenario, balance, hedge, seed }))
      if (i === 0 && !values.json) console.log(`${name}: ${SCENARIOS[name]}\n${HEAD}`)
      console.log(
        values.json
          ? JSON.stringify({ scenario: name, balance, hedge, seed, ...size, ...result })
          : row(balance, result),
      )
    }
    if (!values.json) console.log('')
  }
}

function check(scenarios: number, seed: number, json: boolean): void {
  let requests = 0
  for (let one = seed; one < seed + scenarios; one++) requests += checkSeed(one).requests
  if (json) console.log(JSON.stringify({ scenarios, seed, requests, hold: true }))
  else console.log(`${scenarios} scenarios from seed ${seed}, ${requests} requests: all invariants hold`)
}

/** @throws UsageError. */
function whole(option: string, text: string, most = 2 ** 32 - 1): number {
  const number = wholeNumber(text, most)
  if (number !== undefined && number > 0) return number
  throw new UsageError(`--${option} ${text}: not a whole number from 1 to ${most}`)
}

/** A name as it is, everything else as JSON. */
function policyOf(text: string): BalanceConfig {
  return given(`--policy ${text}`, () => {
    const balance = (/^[{["]/.test(text.trim()) ? JSON.parse(text) : text) as BalanceConfig
    parseBalance(balance)
    return balance
  })
}

/** @throws UsageError for what `read` refuses. */
function given<T>(shown: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error
    throw new UsageError(`${shown}: ${(error as Error).message}`, { cause: error })
  }
}

function hedgeOf(text: string | undefined): HedgePolicy | undefined {
  if (text === undefined) return undefined
  const hedge = { delayMs: Number.isNaN(Number(text)) ? text : Number(text) }
  const wrong = checkHedge(hedge)
  if (wrong !== undefined) throw new UsageError(`--hedge ${text}: ${wrong}`)
  return hedge as HedgePolicy
}

const WIDTHS = [34, 9, 9, 9, 9, 10, 8, 9] as const
const HEAD = cells(['policy', 'mean ms', 'p99', 'p99.9', 'failed', 'max/mean', 'moved', 'hedges'])

function row(balance: BalanceConfig, result: SimulationResult): string {
  const { meanMs, p99Ms, p999Ms, failed, maxOverMean, movedKeys } = result
  const moved = movedKeys === undefined ? '–' : `${(movedKeys * 100).toFixed(1)} %`
  const times = [meanMs, p99Ms, p999Ms].map((ms) => ms.toFixed(1))
  const hedges = result.hedges === 0 ? '–' : String(result.hedges)
  return cells([wording(balance), ...times, String(failed), maxOverMean.toFixed(2), moved, hedges])
}

/** `p2c`, `hash maglev 1.25`, `p2c in-flight`. */
function wording(balance: BalanceConfig): string {
  if (typeof balance !== 'object') return String(balance)
  return Object.entries({ policy: 'p2c', ...balance })
    .filter(([key]) => key !== 'on')
    .map(([, value]) => (typeof value === 'object' ? JSON.stringify(value) : String(value)))
    .join(' ')
}

function cells(texts: readonly string[]): string {
  return texts.map((text, i) => (i === 0 ? text.padEnd(WIDTHS[i]!) : text.padStart(WIDTHS[i]!))).join('')
}

await runScript('npm run simulate --', main)
