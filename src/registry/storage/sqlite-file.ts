/** The database file: made in one step, opened only when it is ours, whole and of a schema that we know. */
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { addHistorySums, HISTORY_TABLE } from '../history/sqlite.ts'
import { DamagedFile, UnusableFile } from './sqlite-error.ts'
import { addRecordSums, RECORD_TABLES } from './sqlite-records.ts'

const PAGE_BYTES = 4096
/** "Skei" in ASCII: tells our files from other people's databases. */
const APPLICATION_ID = 0x536b6569
/** 1: without checksums. */
const SCHEMA_VERSION = 2
const SCHEMA = `${RECORD_TABLES} ${HISTORY_TABLE}
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};`

/**
 * The exclusive lock keeps a second registry off the file, and spares the shared-memory file of WAL.
 * `cell_size_check` finds damage where it is read instead of where it leads to.
 */
const SETTINGS = `PRAGMA page_size = ${PAGE_BYTES}; PRAGMA cell_size_check = ON; PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`

/** @throws an error that `storageError` puts into words. */
export function openFile(file: string, maxBytes: number | undefined): DatabaseSync {
  if (!existsSync(file)) create(file)
  // SQLite would take it for a new database and throw its log away.
  if (statSync(file).size === 0) throw new DamagedFile('it is empty (0 bytes), so what was in it is lost')
  const db = new DatabaseSync(file)
  try {
    db.exec(SETTINGS)
    checkOwner(db)
    checkStructure(db)
    upgrade(db)
    if (maxBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / PAGE_BYTES))}`)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * Made under another name, so that under its own it is never without content: a registry that dies in between leaves nothing
 * that looks like a lost database. The folder is flushed too, else a power cut may take the name away.
 */
function create(file: string): void {
  if (existsSync(`${file}-wal`)) throw new DamagedFile(`its log ${file}-wal is there, but the file itself is gone`)
  const made = `${file}.new`
  for (const suffix of ['', '-wal', '-journal']) rmSync(made + suffix, { force: true })
  const db = new DatabaseSync(made)
  try {
    db.exec(`${SETTINGS} BEGIN IMMEDIATE; ${SCHEMA} COMMIT`)
  } finally {
    db.close()
  }
  giveName(made, file)
  flushFolder(path.dirname(file))
}

/** Windows has no such thing. */
function flushFolder(name: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(name, 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/** A link and not a renaming, which would push aside the file of a registry that started at the same moment. */
function giveName(made: string, file: string): void {
  try {
    linkSync(made, file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EPERM' || code === 'ENOTSUP')
      renameSync(made, file) // a file system without links
    else if (code !== 'EEXIST') throw error
  }
  rmSync(made, { force: true })
}

function checkOwner(db: DatabaseSync): void {
  if (pragma(db, 'application_id') !== APPLICATION_ID) {
    throw new UnusableFile('this is a database of another program', 'move it away or choose another file')
  }
  const version = pragma(db, 'user_version')
  if (version >= 1 && version <= SCHEMA_VERSION) return
  const wayOut = 'start the Skein that wrote it, or move it away to start empty'
  throw new UnusableFile(`written by another version of Skein (schema ${version})`, wayOut)
}

/** All of it and not the quick check, which leaves out whether an index agrees with its table: 0.1 s for 200,000 rows. */
function checkStructure(db: DatabaseSync): void {
  const { integrity_check: found } = db.prepare('PRAGMA integrity_check(1)').get() as { integrity_check: string }
  if (found !== 'ok') throw new DamagedFile(found.replaceAll('\n', ' '))
}

function upgrade(db: DatabaseSync): void {
  if (pragma(db, 'user_version') === SCHEMA_VERSION) return
  db.exec(`BEGIN IMMEDIATE`)
  addRecordSums(db)
  addHistorySums(db)
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`)
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0])
}
