/**
 * The scoreboard: breaks things on real processes and measures what users see. `npm run faults -- --help`.
 */
import { globSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { named, runScript } from '../../scripts/run-script.ts'
import { wholeNumber } from '../../src/cli/args.ts'
import { UsageError } from '../../src/cli/command.ts'
import type { Fault, Size } from './harness/contract.ts'
import { measure, type Plan } from './harness/measure.ts'
import { failed, type Result, table } from './harness/table.ts'

const HERE = import.meta.dirname
/** Two cores and no more are what CI surely has. */
const AT_ONCE = 2

export async function loadFaults(): Promise<Fault[]> {
  const files = globSync('*.ts', { cwd: HERE }).filter((file) => file !== 'run.ts' && !file.endsWith('.test.ts'))
  const modules = files.sort().map(async (file) => (await import(path.join(HERE, file))) as { default: Fault })
  return (await Promise.all(modules)).map((module) => module.default)
}

function chosen(all: readonly Fault[], names: readonly string[], ci: boolean): readonly Fault[] {
  const wanted = new Set(names.map((name) => named('fault', name, all)))
  return all.filter((fault) => (wanted.size === 0 ? fault.ci || !ci : wanted.has(fault)))
}

/** Most of a fault is waiting for something to be noticed, so in CI several of those that can bear it run together. */
async function measureAll(faults: readonly Fault[], plan: Plan): Promise<Result[]> {
  const results = new Map<Fault, Result>()
  const one = async (fault: Fault) => {
    console.error(`── ${fault.name}: ${fault.what}`)
    const result = await measure(fault, plan)
    results.set(fault, result)
    console.error(`   ${fault.name}: ${result.skipped ?? (failed(result) ? 'FAIL' : 'ok')} after ${result.tookMs} ms`)
  }
  const together = plan.size === 'ci' ? faults.filter(({ alone }) => alone !== true) : []
  const left = [...together]
  const worker = async () => {
    for (let fault = left.shift(); fault !== undefined; fault = left.shift()) await one(fault)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  for (const fault of faults) if (!results.has(fault)) await one(fault)
  return faults.map((fault) => results.get(fault)!)
}

const help = (
  faults: readonly Fault[],
) => `Breaks real processes and measures what users see; each figure has a threshold.

usage: npm run faults -- [fault …] [options]

  --ci         those that continuous integration runs, in their small form
  --long       for the night
  --seed <n>   the same seed breaks the same things; default SKEIN_SEED or one by chance, which is printed
  --json       one JSON document in place of the table

examples:
  npm run faults                             all of them, half an hour
  npm run faults -- crash disk --seed 7
  npm run faults -- --long --json

Exit status: 0 all figures are within their thresholds, 1 one is not or could not be measured, 2 the command line is wrong.
What is absent (root, etcd, gcc …) is said and skipped. docs/faults.md has what must hold.

faults:
${faults.map(({ name, what }) => `  ${name.padEnd(24)} ${what}`).join('\n')}`

/** @throws UsageError. */
function seedOf(text: string): number {
  const seed = wholeNumber(text, Number.MAX_SAFE_INTEGER)
  if (seed === undefined) throw new UsageError(`seed ${text}: not a whole number`)
  return seed
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ci: { type: 'boolean' },
      long: { type: 'boolean' },
      json: { type: 'boolean' },
      seed: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const all = await loadFaults()
  if (values.help) return console.log(help(all))
  const size: Size = values.ci ? 'ci' : values.long ? 'long' : 'normal'
  const seed = seedOf(values.seed ?? process.env['SKEIN_SEED'] ?? String(Math.floor(Math.random() * 2 ** 31)))
  const faults = chosen(all, positionals, values.ci === true)
  const started = performance.now()
  const results = await measureAll(faults, { size, seed })
  const about = { node: process.version, seed, size, tookMs: Math.round(performance.now() - started) }
  if (values.json) console.log(JSON.stringify({ ...about, results }, null, 2))
  else console.log(`\n${table(results)}\n\nNode ${about.node}, seed ${seed}, size ${size}, ${about.tookMs} ms`)
  process.exitCode = results.some(failed) || results.length === 0 ? 1 : 0
}

if (import.meta.main) await runScript('npm run faults --', main)
