/**
 * Opens damaged copies of a store, in a process of its own so that a crash is a finding and not the end. Gets a `Job` by
 * message, answers `Finding`s one by one; a case without an answer crashed.
 */
import { createHash } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { SqliteStorage } from '../../../src/registry/storage/sqlite.ts'
import { LoggingView, put } from '../../../src/registry/storage/write-kit.fixture.ts'

/** One damage to one of the files. */
export interface Damage {
  readonly file: 'main' | 'wal'
  /** Cut at byte `at`, or one of its bits turned. */
  readonly kind: 'cut' | 'flip'
  readonly at: number
  readonly bit: number
}

export interface Job {
  readonly dir: string
  /** Undamaged, in base64: messages between processes are JSON. */
  readonly main: string
  readonly wal: string | undefined
  /** What may be read after damage to a file: see `fingerprint`. */
  readonly lawful: Readonly<Record<'main' | 'wal', readonly string[]>>
  readonly damages: readonly Damage[]
}

export interface Finding {
  readonly verdict: 'right' | 'refused' | 'wrong' | 'unclear refusal'
  readonly detail?: string
}

/** All that a store says: its index, and a digest of records and history. */
export function fingerprint(view: LoggingView, storage: SqliteStorage): string {
  const records = view.loaded.map((record) => JSON.stringify(record)).sort()
  const all = JSON.stringify([records, storage.history!.list({ last: 10_000 })])
  return `index ${view.loadedIndex}, ${createHash('sha256').update(all).digest('hex')}`
}

async function judge(job: Job, damage: Damage): Promise<Finding> {
  const file = path.join(job.dir, 'registry.db')
  for (const suffix of ['', '-wal', '-journal', '-shm']) rmSync(file + suffix, { force: true })
  writeFileSync(file, damaged(job.main, damage, 'main'))
  if (job.wal !== undefined) writeFileSync(`${file}-wal`, damaged(job.wal, damage, 'wal'))
  try {
    const read = await open(file)
    const found = fingerprint(read.view, read.storage)
    if (!job.lawful[damage.file].includes(found)) {
      await read.storage.close()
      return { verdict: 'wrong', detail: found }
    }
    return await goOn(file, read)
  } catch (error) {
    const { message } = error as Error
    const clear = message.startsWith(`registry storage ${file}: `) && / (?:restore|choose|move) /.test(message)
    return clear ? { verdict: 'refused' } : { verdict: 'unclear refusal', detail: message }
  }
}

/** What opens must also take writes without forgetting or doubling any: an index beside the table may be what is damaged. */
async function goOn(file: string, { view, storage }: Awaited<ReturnType<typeof open>>): Promise<Finding> {
  const known = view.loaded[0]?.key ?? 'first'
  const expected = new Set([...view.loaded.map(({ key }) => key), known, 'new'])
  try {
    for (const key of [known, 'new']) await storage.write(() => [put(key, 'after')])
  } catch (error) {
    return { verdict: 'refused', detail: String(error) }
  } finally {
    await storage.close()
  }
  const again = await open(file)
  const { loaded } = again.view
  await again.storage.close()
  const values = loaded.filter(({ key }) => key === known || key === 'new').map(({ body }) => JSON.stringify(body))
  const right =
    loaded.length === expected.size && values.length > 0 && values.every((value) => value.includes('"after"'))
  return right ? { verdict: 'right' } : { verdict: 'wrong', detail: `after a write: ${values.join(' ')}` }
}

async function open(file: string) {
  const storage = new SqliteStorage({ file })
  const view = new LoggingView()
  await storage.open(view)
  return { storage, view }
}

function damaged(base64: string, { file, kind, at, bit }: Damage, which: Damage['file']): Buffer {
  const bytes = decoded(base64)
  if (file !== which) return bytes
  if (kind === 'cut') return bytes.subarray(0, at)
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1 << bit
  return copy
}

const buffers = new Map<string, Buffer>()

function decoded(base64: string): Buffer {
  const bytes = buffers.get(base64) ?? Buffer.from(base64, 'base64')
  buffers.set(base64, bytes)
  return bytes
}

if (process.send !== undefined) {
  process.once('message', async (job: Job) => {
    for (const damage of job.damages) process.send?.(await judge(job, damage))
    process.disconnect?.()
  })
}
