/**
 * The disk under the registry's database fails while clients write: full, full in the middle of a write, errors of reading
 * and flushing, and, as root, a small file system that is really full. Nothing may be acknowledged that is not there after
 * kill -9, reads are served, health and log say what is wrong, and with room again writes go on by themselves.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { type RegistryProcess, startRegistryProcess } from '../support/registry-process.ts'
import { eventually } from '../support/up.ts'
import type { Fault, FaultContext, Row } from './harness/contract.ts'
import { makeFailingDisk, needsCompiler } from './harness/failing-disk.ts'
import { createWriter } from './harness/writer.ts'

/** By then the registry has looked again whether writes go on, and must not have believed it. */
const PROBED_MS = 1300

interface Trouble {
  readonly name: string
  /** Where the data lies, and what makes it fail and heal. */
  prepare(context: FaultContext): { data: string; env: NodeJS.ProcessEnv; fail(): void; heal(): void }
  /** After a failed flush nobody knows what is on the disk: only a restart helps. */
  readonly final: boolean
}

const shimmed = (name: string, ...[call, how]: readonly ['write' | 'sync', 'eio' | 'enospc' | 'short']): Trouble => ({
  name,
  final: how === 'eio',
  prepare(context) {
    const disk = makeFailingDisk(context, 'registry.db')
    const data = path.join(context.dir, name.replaceAll(' ', '-'))
    return { data, env: disk.env, fail: () => disk.fail(call, how, 3), heal: disk.heal }
  },
})

const TROUBLES: readonly Trouble[] = [
  shimmed('disk full', 'write', 'enospc'),
  shimmed('short write', 'write', 'short'),
  shimmed('write error', 'write', 'eio'),
  shimmed('flush error', 'sync', 'eio'),
]

const REALLY_FULL: Trouble = {
  name: 'small file system full',
  final: false,
  prepare({ dir, after }) {
    const data = path.join(dir, 'small')
    mkdirSync(data)
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', data], { encoding: 'utf8' })
    if (mounted.status !== 0) throw new Error(`mount: ${mounted.stderr}`)
    after(() => void spawnSync('umount', ['-l', data]))
    const ballast = path.join(data, 'ballast')
    return { data, env: {}, fail: () => fill(ballast), heal: () => rmSync(ballast) }
  },
}

export default {
  name: 'disk',
  what: 'disk full, short writes, failing writes and flushes under the registry on SQLite',
  ci: true,
  skip: needsCompiler,
  async run(context) {
    const troubles = process.getuid?.() === 0 ? [...TROUBLES, REALLY_FULL] : TROUBLES
    if (troubles === TROUBLES) context.log('not root: no file system that is really full')
    const rows: Row[] = []
    for (const trouble of troubles) rows.push(...(await suffer(context, trouble)))
    return rows
  },
} satisfies Fault

async function suffer(context: FaultContext, trouble: Trouble): Promise<Row[]> {
  const { after, random, pick } = context
  const { data, env, fail, heal } = trouble.prepare(context)
  const registry = await startRegistryProcess(['--data', data], env)
  after(() => registry.close())
  const writer = createWriter(registry.url, random)
  after(() => writer.close())
  const count = pick({ ci: 400, normal: 3000, long: 20_000 })
  await writer.write(count)

  fail()
  const reads = { served: 0, asked: 0 }
  await Promise.all([writer.write(count, undefined), readMeanwhile(registry.url, reads)])
  const refused = [...writer.refused.values()].reduce((sum, n) => sum + n, 0)
  const during = await writer.check('running')
  await pause(PROBED_MS)
  const told = await tells(registry, trouble.final)

  heal()
  const healed = performance.now()
  const back = trouble.final ? restarted(registry) : undefined
  await back
  await eventually('readiness', async () => (await get(`${registry.url}/health/ready`)).status === 200, 10_000)
  const backMs = performance.now() - healed
  const acknowledged = writer.acknowledged
  await writer.write(count / 4)
  const goesOn = writer.acknowledged - acknowledged
  await restarted(registry)
  const { lost, invented } = await writer.check('restarted')

  const found = [...during.lost, ...during.invented, ...lost, ...invented]
  const { name } = trouble
  return [
    {
      figure: `${name}: falsely acknowledged, or refused and seen`,
      value: found.length,
      unit: '',
      atMost: 0,
      of: writer.acknowledged,
      detail: found[0],
    },
    {
      figure: `${name}: writes refused`,
      value: refused,
      unit: '',
      atLeast: 1,
      of: count,
      detail: [...writer.refused.keys()].find((text) => !/^500 .*registry\.db: /.test(text)),
    },
    {
      figure: `${name}: reads served`,
      value: (100 * reads.served) / reads.asked,
      unit: '%',
      atLeast: 100,
      of: reads.asked,
    },
    {
      figure: `${name}: places that say so`,
      value: told.length,
      unit: 'of 4',
      atLeast: 4,
      detail: told.length < 4 ? told.join(', ') : undefined,
    },
    { figure: `${name}: writes again after`, value: backMs, unit: 'ms', atMost: trouble.final ? 10_000 : 5000 },
    { figure: `${name}: then acknowledged`, value: goesOn, unit: '', atLeast: count / 4, of: count / 4 },
  ]
}

async function restarted(registry: RegistryProcess): Promise<void> {
  await registry.signal('SIGKILL')
  await registry.restart()
}

async function readMeanwhile(url: string, reads: { served: number; asked: number }): Promise<void> {
  for (const path of Array.from(
    { length: 100 },
    (_, i) => ['/v1/kv/key/?recurse', '/v1/health/service/written'][i % 2],
  )) {
    reads.asked++
    if ((await get(url + path)).status === 200) reads.served++
  }
}

/** Readiness, `agent/self`, metrics and the log each name the trouble. */
async function tells(registry: RegistryProcess, final: boolean): Promise<string[]> {
  const reason = final ? /the disk failed/ : /the disk is full; free some space/
  const ready = await get(`${registry.url}/health/ready`)
  const self = JSON.parse((await get(`${registry.url}/v1/agent/self`)).text) as {
    Stats: { storage: { failed: string; reason: string } }
  }
  const metrics = await get(`${registry.url}/metrics`)
  const places = {
    readiness: ready.status === 503 && reason.test(ready.text),
    self: self.Stats.storage.failed === 'true' && reason.test(self.Stats.storage.reason),
    metric: /^skein_registry_storage_failed 1$/m.test(metrics.text),
    log: registry
      .output()
      .split('\n')
      .some((line) => line.includes('"level":"error"') && reason.test(line)),
  }
  return Object.entries(places).flatMap(([place, does]) => (does ? [place] : []))
}

async function get(url: string): Promise<{ status: number; text: string }> {
  const answer = await request(url, { headersTimeout: 5000 })
  return { status: answer.statusCode, text: await answer.body.text() }
}

/** To the last byte. */
function fill(file: string): void {
  for (const size of [65_536, 4096, 1]) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
}
