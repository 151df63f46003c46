/**
 * Runs the tests: `node scripts/test.ts [--unit] [files or options of node --test …]`. Two files at a time, those of
 * test/e2e/ after all others and one at a time, each with a limit; at the end of each round it lists what was skipped and
 * why. A round in which no test ran is a failure.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

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

/** Arguments that name test files replace the list; the rest are options for node. */
function plan(args: readonly string[]): Plan {
  const isFile = (argument: string) => !argument.startsWith('-') && /\.test\.ts$/.test(argument)
  const options = args.filter((argument) => argument !== '--unit' && !isFile(argument))
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
  const { files, options } = plan(process.argv.slice(2))
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

await main()
