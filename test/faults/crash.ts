/**
 * kill -9 of the registry on SQLite at random moments while 16 clients write, and, where there is a compiler, at a random
 * write or flush of the store itself, with half of the bytes written. After each it must start and know all that it acknowledged.
 */
import path from 'node:path'
import { below } from '../../src/core/random.ts'
import { startRegistryProcess } from '../support/registry-process.ts'
import type { Fault, FaultContext } from './harness/contract.ts'
import { type FailingDisk, makeFailingDisk, needsCompiler } from './harness/failing-disk.ts'
import { createWriter } from './harness/writer.ts'

interface Tally {
  acknowledged: number
  lost: string[]
  invented: string[]
  corrupt: string[]
  behind: number
  startsMs: number[]
}

export default {
  name: 'crash',
  what: 'kill -9 of the registry on SQLite at random moments and at random writes to its files',
  ci: true,
  async run(context) {
    const runs = context.pick({ ci: 4, normal: 20, long: 200 })
    const writes = context.pick({ ci: 1500, normal: 10_000, long: 10_000 })
    const disk = needsCompiler() === false ? makeFailingDisk(context, 'registry.db') : undefined
    if (disk === undefined) context.log('no compiler: only kills between writes')
    const tally: Tally = { acknowledged: 0, lost: [], invented: [], corrupt: [], behind: 0, startsMs: [] }
    await killAgainAndAgain(context, { runs, writes, disk }, tally)
    const count = (figure: string, found: readonly string[]) => ({
      figure,
      value: found.length,
      unit: '',
      atMost: 0,
      detail: found[0],
    })
    return [
      { figure: 'acknowledged writes', value: tally.acknowledged, unit: 'writes', atLeast: runs },
      { ...count('of them lost', tally.lost), of: tally.acknowledged },
      { ...count('never written and there', tally.invented), of: tally.acknowledged },
      { ...count('starts refused as corrupt', tally.corrupt), of: runs },
      { figure: 'index fallen back', value: tally.behind, unit: '', atMost: 0, of: runs },
      { figure: 'longest start', value: Math.max(...tally.startsMs), unit: 'ms', info: true },
    ]
  },
} satisfies Fault

interface Plan {
  readonly runs: number
  readonly writes: number
  readonly disk: FailingDisk | undefined
}

async function killAgainAndAgain(context: FaultContext, { runs, writes, disk }: Plan, tally: Tally): Promise<void> {
  const { random, dir, after, log } = context
  const registry = await startRegistryProcess(['--data', path.join(dir, 'data')], disk?.env)
  after(() => registry.close())
  const writer = createWriter(registry.url, random)
  after(() => writer.close())
  for (let run = 0; run < runs; run++) {
    const before = writer.acknowledged
    const atAWrite = disk !== undefined && run % 2 === 1
    const moment = 1 + below(random, writes)
    if (atAWrite) disk.fail(random() < 0.7 ? 'write' : 'sync', 'kill', 1 + below(random, writes / 8))
    const dead = writer.write(writes, (sofar) => {
      if (!atAWrite && sofar - before >= moment) void registry.signal('SIGKILL')
    })
    await dead
    await registry.signal('SIGKILL')
    disk?.heal()
    const started = performance.now()
    try {
      await registry.restart()
    } catch (error) {
      tally.corrupt.push(String(error))
      return
    }
    tally.startsMs.push(Math.round(performance.now() - started))
    const { lost, invented, indexBehind } = await writer.check('restarted')
    tally.lost.push(...lost)
    tally.invented.push(...invented)
    tally.behind += indexBehind ? 1 : 0
    tally.acknowledged = writer.acknowledged
    log(`run ${run + 1}: ${writer.acknowledged - before} acknowledged, then ${atAWrite ? 'died writing' : 'killed'}`)
  }
}
