/** etcd clusters of a test's own: in a temporary folder, on free loopback ports, gone at the end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { request } from 'undici'
import { findProgram, needsProgram } from './needs.ts'
import { eventually, freePort } from './up.ts'

/** Why no etcd can be started here, or false. */
export const needsEtcd = () => needsProgram('etcd', 'etcd-server')

export interface Member {
  readonly url: string
  /** Sends a signal: SIGKILL, SIGSTOP, SIGCONT. Resolves at once, for SIGKILL when it is dead. */
  signal(name: NodeJS.Signals): Promise<void>
  /** Starts it again after SIGKILL, on the data that it had. */
  restart(): Promise<void>
}

export interface EtcdCluster {
  readonly members: readonly Member[]
  /** Addresses of all members. */
  readonly urls: string[]
  /** The member that leads at this moment. */
  leader(): Promise<Member>
  /** A call of the JSON gateway, `kv/range`, on any member that answers. */
  call(path: string, body: unknown): Promise<Record<string, unknown>>
  close(): Promise<void>
}

export interface EtcdSettings {
  readonly size?: number
  /** More arguments for each member. */
  readonly args?: readonly string[]
}

/** Resolves when the cluster has a leader. Call it only when `needsEtcd()` gives false. */
export async function startEtcd({ size = 1, args = [] }: EtcdSettings = {}): Promise<EtcdCluster> {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-etcd-'))
  const plans: { name: string; client: string; peer: string }[] = []
  for (let i = 0; i < size; i++) {
    const [client, peer] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${port}`)
    plans.push({ name: `m${i}`, client: client!, peer: peer! })
  }
  const cluster = plans.map(({ name, peer }) => `${name}=${peer}`).join(',')
  const members = plans.map(({ name, client, peer }) =>
    startMember(client, [
      ...['--name', name, '--data-dir', path.join(dir, name)],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', cluster, '--log-level', 'error', ...args],
    ]),
  )
  const started: EtcdCluster = {
    members,
    urls: members.map(({ url }) => url),
    leader: () => eventually('a leader', () => leaderOf(members)),
    call: (what, body) => eventually(what, () => callAny(members, what, body)),
    async close() {
      await Promise.all(members.map((member) => member.signal('SIGKILL')))
      rmSync(dir, { recursive: true, force: true })
    },
  }
  try {
    await started.leader()
  } catch (error) {
    const output = members.map((member) => member.output()).join('\n')
    await started.close()
    throw new Error(`etcd did not come up:\n${output}`, { cause: error })
  }
  return started
}

function startMember(url: string, args: readonly string[]) {
  let child: ChildProcess
  let exited: Promise<void>
  let output = ''
  const start = () => {
    child = spawn(findProgram('etcd')!, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
    exited = new Promise((resolve) => child.once('exit', () => resolve()))
  }
  start()
  return {
    url,
    output: () => output,
    async signal(name: NodeJS.Signals) {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill(name)
      if (name === 'SIGKILL') await exited
    },
    async restart() {
      start()
    },
  }
}

async function leaderOf(members: readonly Member[]): Promise<Member | undefined> {
  for (const member of members) {
    const status = await post(member.url, 'maintenance/status', {}).catch(() => undefined)
    const { header, leader } = (status ?? {}) as { header?: { member_id?: string }; leader?: string }
    if (leader !== undefined && leader === header?.member_id) return member
  }
  return undefined
}

async function callAny(members: readonly Member[], what: string, body: unknown) {
  for (const member of members) {
    const answer = await post(member.url, what, body).catch(() => undefined)
    if (answer !== undefined) return answer
  }
  return undefined
}

async function post(url: string, what: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await request(`${url}/v3/${what}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headersTimeout: 3000,
  })
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw new Error(text)
  return JSON.parse(text) as Record<string, unknown>
}
