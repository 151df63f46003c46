/**
 * What the registry said last, in files: so that a process which starts while the registry is away knows whom to call. One
 * file for each thing known (`instances/users`, `contracts/users`), shared by all processes that have the same folder; each write replaces
 * the whole file by a rename, so a reader sees the old or the new one. No fsync: what a power cut tears is no file, and is
 * then read like none.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Clock, systemClock, type Timer } from '../core/clock.ts'
import { type Logger, silentLogger } from '../core/log.ts'

export interface SnapshotFolderOptions {
  readonly folder: string
  readonly clock?: Clock | undefined
  readonly log?: Logger | undefined
}

export interface Kept {
  readonly value: unknown
  /** Wall-clock ms at which the registry last said so. */
  readonly confirmedAt: number
}

/** A file may not be larger; what is, is not kept, and the log says so. About 4,000 instances. */
export const SNAPSHOT_MAX_BYTES = 1024 * 1024
/** Older files are not believed: the longer, the likelier an address is somebody else's by now. */
export const SNAPSHOT_MAX_AGE_MS = 24 * 3_600_000
/** Changes are gathered for so long, ms: a rolling deployment is one write a second. */
const WRITE_AFTER_MS = 1_000
/** What has not changed is written again so often, ms, for its date: the age that a reader sees is right to this. */
const REFRESH_MS = 300_000
/** A draft that is older was left by a process that was killed, ms. */
const DRAFT_MAX_AGE_MS = 60_000
const FORMAT = 1
/** Said in full, because files with it are removed when they are too old, and the folder may be anybody's. */
const SUFFIX = '.skein-snapshot'
const DRAFT = /\.skein-snapshot\.[\da-f.-]+$/
/** Of the name before the suffix; longer ones no file may have. */
const NAME_MAX = 200

/** What was handed to writing last. */
interface Saved {
  readonly version: unknown
  readonly at: number
}

export class SnapshotFolder {
  readonly folder: string
  readonly #clock: Clock
  readonly #log: Logger
  readonly #saved = new Map<string, Saved>()
  readonly #due = new Map<string, Kept>()
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()
  #prepared = false
  #warned = false
  /** Names that have become too large, which has been said. */
  readonly #tooLarge = new Set<string>()

  constructor({ folder, clock = systemClock, log = silentLogger }: SnapshotFolderOptions) {
    this.folder = folder
    this.#clock = clock
    this.#log = log
  }

  /** What was kept under `name`, or undefined when there is nothing, it is too old, or it is no such file. Never rejects. */
  async read(name: string): Promise<Kept | undefined> {
    const file = this.#fileOf(name)
    try {
      if ((await stat(file)).size > SNAPSHOT_MAX_BYTES) return undefined
      return this.#fresh(parseFile(name, await readFile(file, 'utf8')))
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT') this.#log.warn({ err, file }, 'a snapshot cannot be read')
      return undefined
    }
  }

  /**
   * The registry has just said so. `value` must not change any more. The same version (the value itself, unless given) is the
   * same content: it costs a write only for its date, now and then.
   */
  save(name: string, value: unknown, version = value): void {
    const at = this.#clock.now()
    const before = this.#saved.get(name)
    if (before !== undefined && before.version === version && at - before.at < REFRESH_MS) return
    this.#saved.set(name, { version, at })
    this.#due.set(name, { value, confirmedAt: at })
    this.#timer ??= this.#clock.after(WRITE_AFTER_MS, () => void this.flush())
  }

  /** Writes what is due now, and resolves when all is written. Never rejects. */
  flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const due = [...this.#due]
    this.#due.clear()
    this.#writing = this.#writing.then(() => this.#writeAll(due))
    return this.#writing
  }

  async #writeAll(due: readonly (readonly [string, Kept])[]): Promise<void> {
    try {
      if (due.length > 0) await this.#prepare()
    } catch (err) {
      return this.#unwritten(due, err)
    }
    const written = await Promise.all(due.map((one) => this.#tryToWrite(one)))
    if (!written.includes(false)) this.#warned = false
  }

  /** One that cannot be written keeps no other from it. */
  async #tryToWrite(one: readonly [string, Kept]): Promise<boolean> {
    try {
      await this.#write(...one)
      return true
    } catch (err) {
      // Somebody may have emptied a cache.
      this.#prepared = false
      this.#unwritten([one], err)
      return false
    }
  }

  /** As if it had not been saved: the registry's next word is written again. */
  #unwritten(entries: readonly (readonly [string, Kept])[], err: unknown): void {
    for (const [name] of entries) this.#saved.delete(name)
    // Once: calls go on without, and a disk that is full stays full for a while.
    if (!this.#warned) this.#log.warn({ err, folder: this.folder }, 'snapshots cannot be written')
    this.#warned = true
  }

  /** Mode 0700: who can write here chooses whom this user calls. */
  async #prepare(): Promise<void> {
    if (this.#prepared) return
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    for (const file of await readdir(this.folder)) {
      const maxAgeMs = DRAFT.test(file) ? DRAFT_MAX_AGE_MS : SNAPSHOT_MAX_AGE_MS
      if (DRAFT.test(file) || file.endsWith(SUFFIX)) await this.#removeOld(path.join(this.folder, file), maxAgeMs)
    }
    this.#prepared = true
  }

  async #removeOld(file: string, maxAgeMs: number): Promise<void> {
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY })) // gone or renamed meanwhile
    if (this.#clock.now() - mtimeMs > maxAgeMs) await rm(file, { force: true })
  }

  async #write(name: string, { value, confirmedAt }: Kept): Promise<void> {
    const text = JSON.stringify({ format: FORMAT, name, confirmedAt, value })
    const bytes = Buffer.byteLength(text)
    if (bytes > SNAPSHOT_MAX_BYTES) return this.#tellTooLarge(name, bytes)
    this.#tooLarge.delete(name)
    const file = this.#fileOf(name)
    // Not by process ID: two containers that share a folder have the same ones.
    const draft = `${file}.${randomUUID()}`
    try {
      await writeFile(draft, text, { mode: 0o600 })
      await rename(draft, file)
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
  }

  /** The file from before stays, as it is better than none. */
  #tellTooLarge(name: string, bytes: number): void {
    if (this.#tooLarge.has(name)) return
    this.#tooLarge.add(name)
    const line = { folder: this.folder, name, bytes, most: SNAPSHOT_MAX_BYTES }
    this.#log.warn(
      line,
      'a snapshot is too large to be kept: a process that starts without the registry will not know it',
    )
  }

  #fileOf(name: string): string {
    const encoded = encodeURIComponent(name)
    const short = encoded.length > NAME_MAX ? createHash('sha256').update(name).digest('hex') : encoded
    return path.join(this.folder, `${short}${SUFFIX}`)
  }

  /** A date far ahead is as good as none: by it the file would be believed for ever. */
  #fresh(kept: Kept | undefined): Kept | undefined {
    return kept !== undefined && Math.abs(this.#clock.now() - kept.confirmedAt) <= SNAPSHOT_MAX_AGE_MS
      ? kept
      : undefined
  }
}

/** Bytes from a disk are nobody's word: undefined unless they are such a file. */
function parseFile(name: string, text: string): Kept | undefined {
  try {
    const { format, name: own, confirmedAt, value } = JSON.parse(text) as Record<string, unknown>
    return format === FORMAT && own === name && typeof confirmedAt === 'number' ? { value, confirmedAt } : undefined
  } catch {
    // Torn by a power cut, or somebody else's: as good as none.
    return undefined
  }
}
