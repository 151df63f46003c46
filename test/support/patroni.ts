/** Patroni nodes of a test's own: each keeps a PostgreSQL in a folder, on free ports, and asks a registry who leads. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { request } from 'undici'
import { findProgram, needsProgram, needsPython, type Skip } from './needs.ts'
import { unprivilegedUser } from './postgres.ts'
import { freePort } from './up.ts'

export const needsPatroni = (): Skip =>
  needsProgram('patroni') ||
  needsProgram('pg_controldata', 'postgresql') ||
  needsPython({ consul: 'python3-consul2' }).skip

export interface PatroniPlan {
  readonly dir: string
  readonly name: string
  /** `127.0.0.1:8500` */
  readonly registry: string
  /** Of its sessions, twice over. */
  readonly ttlSeconds: number
}

export interface PatroniNode {
  readonly name: string
  /** Of the database, for psql. */
  readonly port: number
  /** Status of Patroni's own HTTP API: 200 for `leader` or `replica` when it is that. */
  is(role: 'leader' | 'replica'): Promise<boolean>
  output(): string
  /** Patroni and its PostgreSQL, both at once. */
  kill(): Promise<void>
}

export async function startPatroni({ dir, name, registry, ttlSeconds }: PatroniPlan): Promise<PatroniNode> {
  const user = unprivilegedUser()
  const home = path.join(dir, name)
  mkdirSync(home)
  const [port, api] = [await freePort(), await freePort()]
  const file = path.join(home, 'patroni.json')
  writeFileSync(file, JSON.stringify(configuration({ home, name, registry, ttlSeconds, port, api })))
  if (user !== undefined) for (const one of [home, file]) chownSync(one, user.uid, user.gid)
  const child = spawn(findProgram('patroni')!, [file], { cwd: home, stdio: ['ignore', 'pipe', 'pipe'], ...user })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const exited = new Promise((resolve) => child.once('exit', resolve))
  return {
    name,
    port,
    output: () => output,
    async is(role) {
      const answer = await request(`http://127.0.0.1:${api}/${role}`, { headersTimeout: 2000 })
      await answer.body.dump()
      return answer.statusCode === 200
    },
    async kill() {
      killPostgres(path.join(home, 'data'))
      if (isRunning(child)) child.kill('SIGKILL')
      await exited
      killPostgres(path.join(home, 'data'))
    },
  }
}

const isRunning = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null

interface Configuration {
  readonly home: string
  readonly name: string
  readonly registry: string
  readonly ttlSeconds: number
  readonly port: number
  readonly api: number
}

/** JSON is YAML. Durability is off: nothing outlives the test. */
function configuration({ home, name, registry, ttlSeconds, port, api }: Configuration): object {
  const address = (of: number) => ({ listen: `127.0.0.1:${of}`, connect_address: `127.0.0.1:${of}` })
  return {
    scope: 'flock',
    name,
    restapi: address(api),
    consul: { host: registry, register_service: true },
    bootstrap: {
      dcs: { ttl: ttlSeconds, loop_wait: 1, retry_timeout: 2, postgresql: { use_pg_rewind: false } },
      initdb: [{ encoding: 'UTF8' }, 'no-sync'],
      pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'],
    },
    postgresql: {
      ...address(port),
      data_dir: path.join(home, 'data'),
      bin_dir: path.dirname(findProgram('pg_controldata')!),
      pgpass: path.join(home, 'pgpass'),
      authentication: { superuser: { username: 'postgres' }, replication: { username: 'replicator' } },
      parameters: { unix_socket_directories: home, fsync: 'off', max_connections: 20 },
    },
  }
}

/** By the ID that it wrote down itself; none when it does not run. */
function killPostgres(data: string): void {
  try {
    process.kill(Number(readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL')
  } catch (error) {
    if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
