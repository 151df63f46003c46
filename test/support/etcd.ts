/** etcd clusters of a test's own: in a temporary folder, on free loopback ports, gone at the end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Agent, request } from 'undici'
import type { Certificates } from './certificates.ts'
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
  /** Clients have to show a certificate of the same authority. */
  readonly tls?: Certificates | undefined
}

/** Resolves when the cluster has a leader. Call it only when `needsEtcd()` gives false. */
export async function startEtcd({ size = 1, args = [], tls }: EtcdSettings = {}): Promise<EtcdCluster> {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-etcd-'))
  const plans: { name: string; client: string; peer: string }[] = []
  for (let i = 0; i < size; i++) {
    const client = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${await freePort()}`
    plans.push({ name: `m${i}`, client, peer: `http://127.0.0.1:${await freePort()}` })
  }
  const cluster = plans.map(({ name, peer }) => `${name}=${peer}`).join(',')
  const certified = tls === undefined ? [] : tlsArguments(tls)
  const dispatcher = tls === undefined ? undefined : tlsAgent(tls)
  const members = plans.map(({ name, client, peer }) =>
    startMember(client, dispatcher, [
      ...['--name', name, '--data-dir', path.join(dir, name)],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', cluster, '--log-level', 'error', ...certified, ...args],
    ]),
  )
  const started: EtcdCluster = {
    members,
    urls: members.map(({ url }) => url),
    leader: () => eventually('a leader', () => leaderOf(members)),
    call: (what, body) => eventually(what, () => callAny(members, what, body)),
    async close() {
      await Promise.all(members.map((member) => member.signal('SIGKILL')))
      await dispatcher?.destroy()
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

const tlsArguments = ({ ca, cert, key }: Certificates) => [
  ...['--trusted-ca-file', ca, '--cert-file', cert, '--key-file', key, '--client-cert-auth'],
]

function tlsAgent({ ca, cert, key }: Certificates): Agent {
  return new Agent({ connect: { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) } })
}

function startMember(url: string, dispatcher: Agent | undefined, args: readonly string[]) {
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
    dispatcher,
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

type Reachable = Member & { readonly dispatcher: Agent | undefined }

async function leaderOf(members: readonly Reachable[]): Promise<Member | undefined> {
  for (const member of members) {
    const status = await post(member, 'maintenance/status', {}).catch(() => undefined)
    const { header, leader } = (status ?? {}) as { header?: { member_id?: string }; leader?: string }
    if (leader !== undefined && leader === header?.member_id) return member
  }
  return undefined
}

async function callAny(members: readonly Reachable[], what: string, body: unknown) {
  for (const member of members) {
    const answer = await post(member, what, body).catch(() => undefined)
    if (answer !== undefined) return answer
  }
  return undefined
}

async function post({ url, dispatcher }: Reachable, what: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await request(`${url}/v3/${what}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headersTimeout: 3000,
    ...(dispatcher && { dispatcher }),
  })
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw new Error(text)
  return JSON.parse(text) as Record<string, unknown>
}
