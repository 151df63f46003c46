/** Runs the tests; `node scripts/test.ts --help`. */
import { spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from '../src/cli/command.ts'
import { runScript } from './run-script.ts'

const HELP = `Runs the tests: two files at a time, those of test/e2e/ after all others and one at a time, each with a limit. At the end of each
round it lists what was skipped and why.

usage: node scripts/test.ts [--unit] [file.test.ts …] [options of node --test]
       npm test runs all checks first; npm run test:unit is --unit

  --unit    only those beside their source, in src/

examples:
  npm run test:unit
  node scripts/test.ts src/balance/policy/p2c.test.ts
  node scripts/test.ts src/cli/args.test.ts --test-name-pattern="after --"
  SKEIN_SEED=7 node scripts/test.ts test/simulation/registry.test.ts

Exit status: 0 all passed, 1 a test failed or none ran, 2 a file that is not there; any other is node's, of an option that it does not know.`

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const UNIT = ['src/**/*.test.ts']
const ALL = [...UNIT, 'scripts/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts']

/** Tests start servers and processes of their own and measure nothing, so two at a time are safe on two cores. */
const CONCURRENCY = 2
/** These count what fails under load: another file's load would be measured too. */
const ALONE = 'test/e2e/'

interface Plan {
  readonly files: readonly string[]
  /** Given on to `node --test`. */
  readonly options: readonly string[]
}

interface Round {
  readonly files: readonly string[]
  readonly concurrency: number
}

/** Arguments that name test files replace the list; the rest are options for node. @throws UsageError. */
function plan(args: readonly string[]): Plan {
  const isFile = (argument: string) => !argument.startsWith('-') && /\.test\.ts$/.test(argument)
  const options = args.filter((argument) => argument !== '--unit' && !isFile(argument))
  // Behind an option it may be its value.
  if (options[0]?.startsWith('-') === false) throw new UsageError(`${options[0]} is no test file: name …/x.test.ts`)
  const missing = args.filter(isFile).find((file) => !existsSync(path.resolve(ROOT, file)))
  if (missing !== undefined) throw new UsageError(`there is no file ${missing}`)
  if (args.some(isFile)) return { files: args.filter(isFile), options }
  const exclude = (name: string) => name === 'node_modules' || name === '.tmp'
  return { files: globSync(args.includes('--unit') ? UNIT : ALL, { cwd: ROOT, exclude }).sort(), options }
}

/** With options it is one round: what a name pattern picks need not be in both. */
function rounds({ files, options }: Plan): Round[] {
  if (options.length > 0) return [{ files, concurrency: CONCURRENCY }]
  const [alone, others] = [true, false].map((wanted) => files.filter((file) => file.startsWith(ALONE) === wanted))
  const both = [
    { files: others!, concurrency: CONCURRENCY },
    { files: alone!, concurrency: 1 },
  ]
  return both.filter((round) => round.files.length > 0)
}

/** Resolves with the exit status. */
function runRound({ files, concurrency }: Round, options: readonly string[]): Promise<number> {
  const part = (name: string) => new URL(`./test-run/${name}`, import.meta.url).href
  const args = [
    '--test',
    `--test-concurrency=${concurrency}`,
    `--import=${part('file-limit.ts')}`,
    `--test-reporter=${part('reporter.ts')}`,
    '--test-reporter-destination=stdout',
    ...options,
    ...files,
  ]
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' })
  const end = () => child.kill('SIGTERM')
  process.on('SIGTERM', end)
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      process.off('SIGTERM', end)
      resolve(code ?? 1)
    })
  })
}

async function main(): Promise<void> {
  const args = process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) return console.log(HELP)
  const { files, options } = plan(args)
  if (files.length === 0) {
    console.error('scripts/test.ts: no test file matches, so nothing was tested')
    process.exitCode = 1
    return
  }
  let asked = false
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => (asked = true)) // the child prints its summary
  for (const round of rounds({ files, options })) {
    const status = await runRound(round, options)
    if (status !== 0 || asked) process.exitCode = status || 1
    if (asked) return
  }
}

await runScript('node scripts/test.ts', main)
