/** A PostgreSQL cluster of a test's own: in a temporary folder, on a free loopback port, gone at the end. */
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findProgram } from './needs.ts'
import { eventually, freePort } from './up.ts'

export interface Postgres {
  /** Of a database made for this call of `database`. */
  database(name: string): string
  close(): Promise<void>
}

/** Starts one; call it only when `needsProgram('postgres', 'postgresql')` gives false. Durability is off: nothing outlives the test. */
export async function startPostgres(): Promise<Postgres> {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-postgres-'))
  const user = unprivilegedUser()
  if (user !== undefined) chownSync(dir, user.uid, user.gid)
  const data = path.join(dir, 'data')
  const port = await freePort()
  const made = spawnSync(findProgram('initdb')!, ['-D', data, '-U', 'skein', '-A', 'trust', '--no-sync'], {
    cwd: dir,
    ...user,
  })
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)

  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: dir,
    fsync: 'off',
    max_connections: 60,
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(findProgram('postgres')!, ['-D', data, ...options], {
    cwd: dir,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...user,
  })
  let log = ''
  server.stderr.on('data', (chunk) => {
    log += chunk
  })
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  await eventually(`PostgreSQL on port ${port}`, async () => {
    if (server.exitCode !== null) throw new Error(log)
    return log.includes('ready to accept connections')
  })

  return {
    database(name) {
      const created = spawnSync(findProgram('createdb')!, ['-h', '127.0.0.1', '-p', String(port), '-U', 'skein', name])
      if (created.status !== 0) throw new Error(`createdb failed: ${created.stderr}`)
      return `postgres://skein@127.0.0.1:${port}/${name}`
    },
    async close() {
      server.kill('SIGINT') // "fast shutdown": ends sessions, then itself
      await exited
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** PostgreSQL refuses to run as root: then Debian's own user for it, else nobody. */
export function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (flag: string) => Number(spawnSync('id', [flag, 'postgres']).stdout)
  return { uid: idOf('-u') || 65_534, gid: idOf('-g') || 65_534 }
}
