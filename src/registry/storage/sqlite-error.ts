/** SQLite's errors in words that name the file and the way out. Codes: https://www.sqlite.org/rescode.html */
import { SkeinError } from '../../core/errors.ts'

const IOERR = 10
const CORRUPT = 11
const NOT_A_DATABASE = 26
const DAMAGED = 'the file is damaged; restore it from a backup, or move it away to start empty'
const WAY_OUT: Readonly<Record<number, string>> = {
  1: DAMAGED,
  5: 'another process has it open; stop that one or give this registry its own file',
  8: 'the file is read-only; make it writable for this user',
  [IOERR]: 'the disk failed; nothing more is written until the registry is restarted on a healthy disk',
  [CORRUPT]: DAMAGED,
  13: 'the disk is full; free some space, writes go on by themselves then',
  14: 'it cannot be opened; check that the directory exists and is writable',
  [NOT_A_DATABASE]: 'this is no SQLite database; move it away or choose another file',
}

/** It is there and cannot be used as it is. */
export class UnusableFile extends Error {
  readonly wayOut: string

  constructor(message: string, wayOut: string) {
    super(message)
    this.wayOut = wayOut
  }
}

/** Not what was written: by no fault of SQLite's, which would say so itself. */
export class DamagedFile extends UnusableFile {
  constructor(message: string) {
    super(message, DAMAGED)
  }
}

/**
 * True when it is open what has reached the disk. A failed flush may have dropped the pages from the cache, so trying
 * again would report success for data that is not there: no further write is believed.
 */
export function isFinal(error: unknown): boolean {
  const code = primaryCode(error)
  return code === IOERR || code === CORRUPT || code === NOT_A_DATABASE
}

export function storageError(error: unknown, file: string): SkeinError {
  if (error instanceof SkeinError) return error
  const text = error instanceof Error ? error.message : String(error)
  const wayOut = wayOutOf(error) ?? 'see the cause in the log'
  return new SkeinError('STORAGE_FAILED', `registry storage ${file}: ${text}: ${wayOut}`, {}, error)
}

function wayOutOf(error: unknown): string | undefined {
  if (error instanceof UnusableFile) return error.wayOut
  if ((error as NodeJS.ErrnoException | null)?.code === 'ERR_OUT_OF_RANGE') return DAMAGED // a number that we never write
  return WAY_OUT[primaryCode(error) ?? -1]
}

function primaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code & 0xff : undefined
}
