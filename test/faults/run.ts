/**
 * The scoreboard: breaks things on real processes and measures what users see.
 * `node test/faults/run.ts [name…] [--ci] [--long] [--json] [--seed N]`: all faults or those named; `--ci` only those that
 * CI runs, in their small form. Exit status 1 when a figure is beyond its threshold or could not be measured.
 */
import { globSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
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
  const unknown = names.filter((name) => !all.some((fault) => fault.name === name))
  if (unknown.length > 0) {
    const known = all.map(({ name }) => name).join(', ')
    throw new Error(`no fault is called ${unknown.join(', ')}; there are: ${known}`)
  }
  return all.filter((fault) => (names.length === 0 ? fault.ci || !ci : names.includes(fault.name)))
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

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ci: { type: 'boolean' },
      long: { type: 'boolean' },
      json: { type: 'boolean' },
      seed: { type: 'string' },
    },
  })
  const size: Size = values.ci ? 'ci' : values.long ? 'long' : 'normal'
  const seed = Number(values.seed ?? process.env['SKEIN_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  const faults = chosen(await loadFaults(), positionals, values.ci === true)
  const started = performance.now()
  const results = await measureAll(faults, { size, seed })
  const about = { node: process.version, seed, size, tookMs: Math.round(performance.now() - started) }
  if (values.json) console.log(JSON.stringify({ ...about, results }, null, 2))
  else console.log(`\n${table(results)}\n\nNode ${about.node}, seed ${seed}, size ${size}, ${about.tookMs} ms`)
  process.exitCode = results.some(failed) || results.length === 0 ? 1 : 0
}

if (import.meta.main) await main()
