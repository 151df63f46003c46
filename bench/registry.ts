/**
 * What the registry costs: `npm run bench -- registry`. With CONSUL_BIN naming a Consul executable it is measured in the same
 * run, on the same requests and the same disk; without, Skein's figures stand alone. All on 127.0.0.1, the load generator
 * beside it: CPU time is the server's own, rates are of this machine.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { named, positive, runScript } from '../scripts/run-script.ts'
import { freePort } from '../src/core/free-port.ts'
import type { Running } from './harness/process.ts'
import { CASES } from './registry/cases.ts'
import type { Context, Figure, Peer, RegistryCase, Row, Settings } from './registry/contract.ts'
import { at } from './registry/load.ts'
import { peers } from './registry/peers.ts'
import { jsonLines, judge, type Measured, table } from './registry/report.ts'

const HELP = `npm run bench -- registry [options]

  --case <name,…>    only these
  --peer <name,…>    only these
  --rounds <n>       the median of so many (default 1); peers take turns
  --seconds <n>      length of what is measured by time (default 3)
  --instances <n>    how many are registered (default 10,000, which the goals mean)
  --json             a line a row and a goal instead of tables

CONSUL_BIN=/path/to/consul measures a real Consul beside it.

Exit status: 0 all goals reached, 1 one was not or it could not be measured, 2 the command line is wrong.

Cases:
${CASES.map(({ name, what }) => `  ${name.padEnd(12)}${what}`).join('\n')}`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...{ case: { type: 'string' }, peer: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
      ...{ rounds: { type: 'string' }, seconds: { type: 'string' }, instances: { type: 'string' } },
    },
  })
  if (values.help) return console.log(HELP)
  const rounds = positive('rounds', values.rounds ?? '1')
  const settings = {
    seconds: positive('seconds', values.seconds ?? '3'),
    instances: positive('instances', values.instances ?? '10000'),
  }
  const cases = chosen('case', values.case, CASES)
  const wanted = chosen('peer', values.peer, peers())
  if (!values.json) console.log(heading(wanted))
  for (const peer of wanted) await runOnce(WARM_UP, peer, settings)
  for (const one of cases) {
    const measured = await measure(one, wanted, rounds, settings)
    console.log(values.json ? jsonLines(one, measured).join('\n') : `${table(one, measured)}\n`)
    if (one.goals.some((goal) => judge(goal, measured).reached === false)) process.exitCode = 1
  }
}

/** With how busy the machine was with other things: rates and latencies say little on a busy one. */
function heading(wanted: readonly Peer[]): string {
  const load = `load ${loadavg()[0]!.toFixed(1)} on ${availableParallelism()} cores before`
  return `Node ${process.versions.node}; ${wanted.map(({ what }) => what).join('; ')}; ${load}\n`
}

/** What Node has compiled of a program is kept for its next start: users meet the first one once. */
const WARM_UP: RegistryCase = {
  name: 'warm-up',
  what: 'a start',
  goals: [],
  async run({ start }) {
    await start()
    return []
  },
}

function chosen<T extends { name: string }>(
  option: string,
  names: string | undefined,
  all: readonly T[],
): readonly T[] {
  return names?.split(',').map((name) => named(`--${option}`, name, all)) ?? all
}

async function measure(
  one: RegistryCase,
  all: readonly Peer[],
  rounds: number,
  settings: Settings,
): Promise<Measured[]> {
  const found = all.map(({ name }) => ({ peer: name, runs: [] as (readonly Row[])[] }))
  for (let round = 0; round < rounds; round++) {
    for (const [i, peer] of all.entries()) found[i]!.runs.push(await runOnce(one, peer, settings))
  }
  return found.map(({ peer, runs }) => ({ peer, rows: medians(runs) }))
}

async function runOnce(one: RegistryCase, peer: Peer, settings: Settings): Promise<readonly Row[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-bench-'))
  const port = await freePort()
  const running = new Set<Running>()
  const context: Context = {
    ...settings,
    async start() {
      const started = await peer.start(path.join(folder, 'data'), port)
      running.add(started)
      return { port, pid: started.pid, kill: () => kill(started) }
    },
  }
  try {
    return await one.run(context)
  } finally {
    for (const started of running) await started.close()
    rmSync(folder, { recursive: true })
  }
}

async function kill({ pid, close }: Running): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await close()
}

function medians(runs: readonly (readonly Row[])[]): readonly Row[] {
  return (runs[0] ?? []).map(({ name, figures }, i) => {
    const median = (figure: Figure) =>
      at(
        runs.map((rows) => rows[i]!.figures[figure] ?? 0).sort((a, b) => a - b),
        0.5,
      )
    return {
      name,
      figures: Object.fromEntries(Object.keys(figures).map((figure) => [figure, median(figure as Figure)])),
    }
  })
}

await runScript('npm run bench -- registry', main)
