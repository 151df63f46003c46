/** Takes a unix socket: in a folder of this user's own, never away from a living owner, never barred by a dead one. */
import { chmodSync, lstatSync, mkdirSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { request, type Server } from 'node:http'
import { dirname } from 'node:path'
import { type Clock, sleep, systemClock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'

/** Longer than taking a socket can last, ms: a lock as old as that was left by a crash. */
const LOCK_OLD_MS = 5000
const ASK_TIMEOUT_MS = 2000

/**
 * @throws SkeinError ALREADY_RUNNING when another process serves there; Error when the folder belongs to someone else.
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  makePrivate(dirname(path))
  const unlock = await lock(`${path}.lock`)
  try {
    await removeStale(path)
    await listen(server, path)
  } finally {
    unlock()
  }
}

/** In a shared temporary folder anyone may have made it first: then it must not be used. */
function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = lstatSync(folder)
  const uid = process.getuid?.() ?? found.uid
  if (!found.isDirectory() || found.uid !== uid) {
    throw new Error(`${folder}: belongs to another user; remove it, or set TMPDIR to a folder of your own`)
  }
  chmodSync(folder, 0o700)
}

/** Two that start at once must not each take the socket for stale and remove the other's. */
async function lock(path: string): Promise<() => void> {
  for (;;) {
    try {
      mkdirSync(path)
      return () => rmdirSync(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const age = systemClock.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? systemClock.now())
    if (age > LOCK_OLD_MS) rmSync(path, { recursive: true, force: true })
    else await sleep(20)
  }
}

async function removeStale(path: string): Promise<void> {
  const owner = await askPid(path)
  if (owner === undefined) return rmSync(path, { force: true })
  const who = owner === 'silent' ? 'it does not answer' : `pid ${owner}`
  throw new SkeinError('ALREADY_RUNNING', `a fleet is already running here (${who}, socket ${path})`, { pid: owner })
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Who serves on the socket: its pid, undefined when nobody does, `silent` when someone holds it but does not answer. */
export function askPid(path: string, clock: Clock = systemClock): Promise<number | 'silent' | undefined> {
  return new Promise((resolve) => {
    const asked = request({ socketPath: path, path: '/v1/pid', agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => answer(readPid(text)))
    })
    const timer = clock.after(ASK_TIMEOUT_MS, () => answer('silent'))
    asked.on('error', (error: NodeJS.ErrnoException) => {
      answer(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? undefined : 'silent')
    })
    asked.end()
    function answer(owner: number | 'silent' | undefined) {
      timer.cancel()
      asked.destroy()
      resolve(owner)
    }
  })
}

function readPid(text: string): number | 'silent' {
  return Number(/^\{"pid":(\d+)\}$/.exec(text)?.[1]) || 'silent'
}
