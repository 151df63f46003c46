/**
 * Where a running fleet is found: `.skein/run.json` beside its configuration, written by the one who runs it. The socket is
 * elsewhere, under the temporary folder, because the path of a unix socket is limited to 108 bytes (104 on macOS).
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { SkeinError } from '../core/errors.ts'
import { askPid } from './socket.ts'

export interface RunInfo {
  readonly pid: number
  readonly socket: string
  /** Addresses, `http://127.0.0.1:8500`. */
  readonly registry?: string | undefined
  /** Of a closed registry: it may do everything there. The file is this user's alone, and so is the socket. */
  readonly token?: string | undefined
  readonly gateway?: string | undefined
  readonly admin?: string | undefined
  readonly dashboard?: string | undefined
  /** Wall-clock ms. */
  readonly startedAt: number
  /** Absolute path of the configuration. */
  readonly config: string
}

/** Path of the run file for a configuration. */
export function runFile(config: string): string {
  return join(dirname(resolve(config)), '.skein', 'run.json')
}

/** Path of the control socket for a configuration: the same for the same file and user. */
export function socketPath(config: string): string {
  const hash = createHash('sha256').update(resolve(config)).digest('hex').slice(0, 16)
  return join(tmpdir(), `skein-${userInfo().uid}-${hash}`, 'control.sock')
}

/**
 * Announces a running fleet. Whole or not at all: a reader never sees half a file.
 * @throws SkeinError ALREADY_RUNNING when another living fleet is announced in the same folder.
 */
export async function announceRun(info: RunInfo): Promise<void> {
  const file = runFile(info.config)
  const other = await runningAt(file)
  if (other !== undefined && other.pid !== info.pid) {
    throw new SkeinError('ALREADY_RUNNING', `${other.config} is already running (pid ${other.pid})`, { pid: other.pid })
  }
  mkdirSync(dirname(file), { recursive: true })
  const draft = `${file}.${info.pid}`
  writeFileSync(draft, `${JSON.stringify(info, null, 2)}\n`, { mode: 0o600 })
  renameSync(draft, file)
}

/** Takes the announcement back, if it is this one's, and the socket's folder with it. */
export function withdrawRun(info: RunInfo): void {
  const file = runFile(info.config)
  if (readRun(file)?.pid === info.pid) removeRun(file, info)
}

/**
 * The fleet that is running here: announced beside the configuration `config`, or else in `cwd` or the nearest folder
 * above it. Announcements of dead processes are removed on the way.
 */
export async function findRunning(where: { cwd: string; config?: string | undefined }): Promise<RunInfo | undefined> {
  if (where.config !== undefined) return runningAt(runFile(resolve(where.cwd, where.config)))
  for (let folder = resolve(where.cwd); ; folder = dirname(folder)) {
    const found = await runningAt(join(folder, '.skein', 'run.json'))
    if (found !== undefined || folder === dirname(folder)) return found
  }
}

async function runningAt(file: string): Promise<RunInfo | undefined> {
  const info = readRun(file)
  if (info === undefined || (await isRunning(info))) return info
  removeRun(file, info)
  return undefined
}

/** A pid may have gone to another program since: only who answers on the socket with this pid is it. A frozen one still is. */
async function isRunning(info: RunInfo): Promise<boolean> {
  if (!isAlive(info.pid)) return false
  const owner = await askPid(info.socket)
  return owner === info.pid || owner === 'silent'
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // alive, and another user's
  }
}

/** Undefined when there is none, or when it is none: it may be half of an older version's, or anything. */
function readRun(file: string): RunInfo | undefined {
  const text = readIfThere(file)
  if (text === undefined) return undefined
  try {
    const info: Partial<RunInfo> | null = JSON.parse(text)
    return isWhole(info) ? info : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isWhole(info: Partial<RunInfo> | null): info is RunInfo {
  const { pid, socket, config, startedAt } = info ?? {}
  return (
    Number.isInteger(pid) && typeof socket === 'string' && typeof config === 'string' && typeof startedAt === 'number'
  )
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

function removeRun(file: string, info: RunInfo): void {
  rmSync(file, { force: true })
  // Only what is surely ours: the file may name any path.
  if (info.socket !== socketPath(info.config)) return
  rmSync(info.socket, { force: true })
  try {
    rmdirSync(dirname(info.socket))
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
