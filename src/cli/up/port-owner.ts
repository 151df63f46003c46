/** Which process has a port: from /proc on Linux, from lsof elsewhere. */
import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'

export type Transport = 'tcp' | 'udp'

/** The state of a socket that takes in what comes from anybody. */
const OPEN = { tcp: '0A', udp: '07' } as const
const UNKNOWN = 'another process'

/** `node server.js (pid 123)`, or "another process" where this user may not know. */
export async function portOwner(port: number, transport: Transport = 'tcp'): Promise<string> {
  const pid = process.platform === 'linux' ? await ownerByProc(port, transport) : await ownerByLsof(port, transport)
  if (pid === undefined) return UNKNOWN
  const name = await commandOf(pid)
  return name === '' ? `pid ${pid}` : `${name} (pid ${pid})`
}

/** /proc/net/tcp and its kind tell the socket's inode, /proc/<pid>/fd who holds it. */
async function ownerByProc(port: number, transport: Transport): Promise<string | undefined> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const tables = await Promise.all(
    [transport, `${transport}6`].map((table) => readFile(`/proc/net/${table}`, 'utf8').catch(none)),
  )
  const rows = tables.flatMap((text) => text.split('\n')).map((row) => row.trim().split(/\s+/))
  const inodes = rows
    .filter((row) => row[1]?.endsWith(`:${hex}`) && row[3] === OPEN[transport])
    .map((row) => `socket:[${row[9]}]`)
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (await holds(pid, inodes)) return pid
  }
  return undefined
}

async function holds(pid: string, inodes: readonly string[]): Promise<boolean> {
  // Other users' processes cannot be read, and any may end meanwhile: then they are not found, which is all it means.
  const files = await readdir(`/proc/${pid}/fd`).catch(() => [])
  const targets = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(none)))
  return targets.some((target) => inodes.includes(target))
}

const none = () => ''

async function ownerByLsof(port: number, transport: Transport): Promise<string | undefined> {
  const wanted = transport === 'tcp' ? [`-iTCP:${port}`, '-sTCP:LISTEN'] : [`-iUDP:${port}`]
  const pid = await outputOf('lsof', ['-nP', ...wanted, '-t'])
  return /^\d+/.exec(pid)?.[0]
}

/** The program and its first argument, without folders: `node server.js`. */
async function commandOf(pid: string): Promise<string> {
  const line = await outputOf('ps', ['-o', 'args=', '-p', pid])
  const words = line.trim().split(/\s+/).slice(0, 3)
  return words.map((word) => word.replace(/^.*\/(?=.)/, '')).join(' ')
}

/** What a program prints; nothing where it is not there or fails. */
function outputOf(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) =>
    execFile(program, [...args], (error, stdout) => resolve(error === null ? stdout : '')),
  )
}
