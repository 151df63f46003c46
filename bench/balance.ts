/**
 * What it costs to choose: `npm run bench -- balance [options]` (`--help` lists them). A pick over 10, 1,000 and 10,000 instances, the
 * heap that it takes, and a change of members at 1,000; each figure in a process of its own. Of the rounds the best counts.
 */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { runScript } from '../scripts/run-script.ts'
import { CALL, CALL_OUT, CALL_SCOPES } from './balance/call.ts'
import type { Entry, Figures } from './balance/contract.ts'
import { ENTRIES } from './balance/entries.ts'
import { missing, PEERS } from './balance/peers.ts'
import { type Measured, report } from './balance/report.ts'
import { NEW, OUT, PLAIN, POLICY_NAMES } from './balance/skein.ts'
import { type Options, readOptions } from './harness/options.ts'

const SIZES = [10, 1_000, 10_000]
const CHILD = path.join(import.meta.dirname, 'balance/child.ts')
const run = promisify(execFile)

async function main(): Promise<void> {
  const cases = POLICY_NAMES.map((name) => ({ name, what: 'the policy, and peers that do the same' }))
  const own = [
    { name: 'skein', what: 'nobody is out' },
    { name: OUT, what: 'one instance in ten may not be chosen' },
    { name: NEW, what: 'keys that have not come lately' },
    {
      name: CALL,
      what: 'as a call does it: from the upstream, with the outlier and what is counted around an attempt',
    },
    { name: CALL_OUT, what: 'the same, one instance in ten ejected' },
    { name: CALL_SCOPES, what: 'the same within slow start, two zones and panic' },
    { name: PLAIN, what: 'without weights and latencies' },
  ]
  const peers = [...own, ...PEERS.map(({ peer, what }) => ({ name: peer, what }))]
  const options = readOptions('balance', cases, peers, { rounds: 1, seconds: 0.5 })
  if (options === undefined) return
  for (const policy of POLICY_NAMES.filter((name) => options.cases?.includes(name) ?? true)) {
    const entries = ENTRIES.filter((entry) => entry.policy === policy && (options.peers?.includes(entry.peer) ?? true))
    const measured: Measured[] = []
    for (const entry of entries) measured.push(await measure(entry, options))
    for (const line of report(policy, measured, options.json)) console.log(line)
  }
}

async function measure(entry: Entry, { rounds, seconds }: Options): Promise<Measured> {
  const reason = missing(entry)
  if (reason !== undefined) return { entry, missing: reason, bySize: [] }
  console.error(`${entry.policy}: ${entry.peer}`)
  const bySize: { size: number; figures: Figures }[] = []
  for (const size of SIZES) {
    const seen: Figures[] = []
    for (let round = 0; round < rounds; round++) seen.push(await inChild(entry, size, seconds))
    bySize.push({ size, figures: best(seen) })
  }
  return { entry, bySize }
}

async function inChild(entry: Entry, size: number, seconds: number): Promise<Figures> {
  const flags = ['--expose-gc', '--max-semi-space-size=256', CHILD]
  const { stdout } = await run(process.execPath, [...flags, ENTRIES.indexOf(entry), size, seconds * 1000].map(String))
  return JSON.parse(stdout) as Figures
}

function best(seen: readonly Figures[]): Figures {
  const least = (of: (figures: Figures) => number | undefined) => Math.min(...seen.map((one) => of(one) ?? Number.NaN))
  const changeMs = least((one) => one.changeMs)
  return {
    pickNs: least(({ pickNs }) => pickNs),
    bytes: least(({ bytes }) => bytes),
    changeMs: Number.isNaN(changeMs) ? undefined : changeMs,
  }
}

await runScript('npm run bench -- balance', main)
