/**
 * Runs the tests: `node scripts/test.ts [--unit] [files or options of node --test …]`. Two files at a time, each with a limit;
 * at the end it lists what was skipped and why. A run in which no test ran is a failure.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const UNIT = ['src/**/*.test.ts']
const ALL = [...UNIT, 'scripts/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts']

/** Tests start servers and processes of their own and measure nothing, so two at a time are safe on two cores. */
const CONCURRENCY = 2

interface Plan {
  readonly files: readonly string[]
  /** Given on to `node --test`. */
  readonly options: readonly string[]
}

/** Arguments that name test files replace the list; the rest are options for node. */
function plan(args: readonly string[]): Plan {
  const isFile = (argument: string) => !argument.startsWith('-') && /\.test\.ts$/.test(argument)
  const options = args.filter((argument) => argument !== '--unit' && !isFile(argument))
  if (args.some(isFile)) return { files: args.filter(isFile), options }
  const exclude = (name: string) => name === 'node_modules' || name === '.tmp'
  return { files: globSync(args.includes('--unit') ? UNIT : ALL, { cwd: ROOT, exclude }).sort(), options }
}

function main(): void {
  const { files, options } = plan(process.argv.slice(2))
  if (files.length === 0) {
    console.error('scripts/test.ts: no test file matches, so nothing was tested')
    process.exitCode = 1
    return
  }
  const part = (name: string) => new URL(`./test-run/${name}`, import.meta.url).href
  const args = [
    '--test',
    `--test-concurrency=${CONCURRENCY}`,
    `--import=${part('file-limit.ts')}`,
    `--test-reporter=${part('reporter.ts')}`,
    '--test-reporter-destination=stdout',
    ...options,
    ...files,
  ]
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' })
  process.on('SIGINT', () => {}) // the terminal sends it to the child too, which then prints its summary
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
}

main()
