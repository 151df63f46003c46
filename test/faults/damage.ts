/**
 * Bytes that a disk lost or turned: every truncation and single turned bits of a small store's files. A store that opens
 * must say exactly what was written (for the write-ahead log: up to some write), and go on; else it must refuse and name
 * the file and the way out. Long: every byte, one bit of eight by the seed, and every truncation.
 */
import { fork } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { below } from '../../src/core/random.ts'
import type { Note } from '../../src/registry/history/contract.ts'
import type { Change } from '../../src/registry/state/records.ts'
import { SqliteStorage } from '../../src/registry/storage/sqlite.ts'
import { LoggingView, put } from '../../src/registry/storage/write-kit.fixture.ts'
import type { Fault, FaultContext, Row } from './harness/contract.ts'
import { type Damage, type Finding, fingerprint, type Job } from './harness/damage-worker.ts'

/** How a store was left. */
const STORES = {
  /** Everything is in the main file. */
  closed: { rewrites: 0, closed: true },
  /** As a kill leaves it: the last writes are in the log. */
  killed: { rewrites: 0, closed: false },
  /** The log was carried over into the main file and begun again: old and new pages lie side by side. */
  'killed after a checkpoint': { rewrites: 14, closed: false },
} as const

export default {
  name: 'damage',
  what: 'every truncation and single turned bits of the files of a small SQLite store',
  ci: true,
  limitMs: { normal: 600_000 },
  async run(context) {
    const rows: Row[] = []
    for (const [name, plan] of Object.entries(STORES)) {
      const job = await makeStore(context, plan)
      rows.push(...(await damageAll(context, name, job)))
    }
    return rows
  },
} satisfies Fault

type Store = Omit<Job, 'damages'>

/** Forty small records with history, deleted and changed ones among them, and the states that it went through. */
async function makeStore(
  context: FaultContext,
  { rewrites, closed }: { rewrites: number; closed: boolean },
): Promise<Store> {
  const dir = memoryFolder(context)
  const file = path.join(dir, 'registry.db')
  const storage = new SqliteStorage({ file })
  await storage.open(new LoggingView())
  const states = [await readCopy(dir, file)]
  const write = async (change: Change) => {
    await storage.write(() => [change])
    states.push(await readCopy(dir, file))
  }
  for (let i = 0; i < rewrites; i++) await write(put('big', `${i}`.repeat(300_000)))
  for (let i = 0; i < 40; i++) await write({ ...put(`key-${i % 32}`, `${'v'.repeat(i * 7)}${i}`), note: note(i) })
  await write({ kind: 'kv', key: 'key-3', body: null })
  if (closed) await storage.close()
  else context.after(() => storage.close())
  const wal = existsSync(`${file}-wal`) ? readFileSync(`${file}-wal`).toString('base64') : undefined
  const main = readFileSync(file).toString('base64')
  return { dir: path.join(dir, 'work'), main, wal, lawful: { main: states.slice(-1), wal: states } }
}

const note = (i: number): Note => ({ Time: '2026-01-01T00:00:00Z', Kind: 'kv', Key: `key-${i}`, Cause: 'api' })

/** What someone reads who opens the store as it is on the disk now. */
async function readCopy(dir: string, file: string): Promise<string> {
  const copy = path.join(dir, 'copy.db')
  for (const suffix of ['', '-wal']) if (existsSync(file + suffix)) copyFileSync(file + suffix, copy + suffix)
  const storage = new SqliteStorage({ file: copy })
  const view = new LoggingView()
  await storage.open(view)
  const found = fingerprint(view, storage)
  await storage.close()
  rmSync(copy)
  return found
}

/** Millions of small files: in memory where there is such a folder. */
function memoryFolder(context: FaultContext): string {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const dir = mkdtempSync(path.join(base, 'skein-damage-'))
  mkdirSync(path.join(dir, 'work'))
  context.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function damageAll(context: FaultContext, name: string, store: Store): Promise<Row[]> {
  const damages = plan(context, store)
  const counts = { right: 0, refused: 0, wrong: 0, 'unclear refusal': 0, crash: 0 }
  const first: Record<string, string> = {}
  for (let done = 0; done < damages.length; ) {
    const findings = await judgeAll({ ...store, damages: damages.slice(done) })
    for (const { verdict, detail } of findings) {
      counts[verdict]++
      first[verdict] ??= `${JSON.stringify(damages[done])}: ${detail}`
      done++
    }
    if (done === damages.length) break
    counts.crash++
    first['crash'] ??= JSON.stringify(damages[done])
    done++
  }
  context.log(`${name}: ${JSON.stringify(counts)}`)
  return (['wrong', 'unclear refusal', 'crash'] as const).map((verdict) => ({
    figure: `${name}: ${{ wrong: 'wrong answers', 'unclear refusal': 'unclear refusals', crash: 'crashes' }[verdict]}`,
    value: counts[verdict],
    unit: '',
    atMost: 0,
    of: damages.length,
    detail: first[verdict],
  }))
}

/** Damages spread over all bytes; which bit, and where between the steps, is drawn. */
function plan({ pick, random }: FaultContext, { main, wal }: Store): Damage[] {
  const most = pick({ ci: 120, normal: 4000, long: Infinity })
  const files = Object.entries({ main, wal }).flatMap(([file, text]) =>
    text === undefined ? [] : [{ file: file as Damage['file'], length: Buffer.byteLength(text, 'base64') }],
  )
  return files.flatMap(({ file, length }) =>
    (['flip', 'cut'] as const).flatMap((kind) => {
      const step = Math.max(1, length / (kind === 'flip' ? most : most / 4))
      const count = Math.floor(length / step)
      const edges = kind === 'cut' ? [0, 1] : []
      const drawn = Array.from({ length: count }, (_, i) => Math.floor(i * step) + below(random, Math.floor(step)))
      return [...edges, ...drawn].map((at) => ({ file, kind, at, bit: below(random, 8) }))
    }),
  )
}

/** The findings until the end or a crash. */
function judgeAll(job: Job): Promise<Finding[]> {
  const worker = fork(new URL('./harness/damage-worker.ts', import.meta.url), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const findings: Finding[] = []
  worker.on('message', (finding) => findings.push(finding as Finding))
  worker.send(job)
  return new Promise((resolve) => worker.once('close', () => resolve(findings)))
}
