/** Instances on another host: in a network namespace of their own, behind a link that can be as bad as one likes. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { request } from 'undici'
import { findProgram, needsProgram, type Skip } from '../../support/needs.ts'
import { eventually, ROOT } from '../../support/up.ts'
import type { FaultContext } from './contract.ts'
import { get, startProcess } from './stage.ts'

const NEAR = '10.213.0.1'
const FAR = '10.213.0.2'

export interface LinkPlan {
  /** Part of the packets that is lost, 0 to 1; default 0. */
  readonly loss?: number
  /** Each packet is held up for a time of its own between 0 and this; default 0. */
  readonly jitterMs?: number
}

export interface Link {
  readonly namespace: string
  /** Whether packets go through; while they do not, nobody is told. */
  pass(isPassing: boolean): void
}

export interface FarInstance {
  readonly id: string
  readonly url: string
}

export function needsLink(): Skip {
  if (process.getuid?.() !== 0) return 'a network namespace is made by root only'
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun'
  return needsProgram('ip', 'iproute2') || needsProgram('python3') || mayMakeNamespaces()
}

function mayMakeNamespaces(): Skip {
  const { status, stderr } = spawnSync('ip', ['netns', 'exec', `skein-none-${process.pid}`, 'true'], {
    encoding: 'utf8',
  })
  return status !== 0 && /not permitted/i.test(stderr)
    ? `network namespaces cannot be made here: ${stderr.trim()}`
    : false
}

export async function makeLink(
  { after, seed }: FaultContext,
  { loss = 0, jitterMs = 0 }: LinkPlan = {},
): Promise<Link> {
  const namespace = `skein-fault-${process.pid}`
  const made = spawnSync('ip', ['netns', 'add', namespace], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
  after(() => void spawnSync('ip', ['netns', 'delete', namespace]))
  const args = [path.join(import.meta.dirname, 'link.py'), namespace, NEAR, FAR, loss, 0, jitterMs, seed].map(String)
  const link = spawn(findProgram('python3')!, args)
  after(() => void link.kill('SIGKILL'))
  let told = ''
  for (const stream of [link.stdout, link.stderr]) stream.on('data', (chunk) => (told += chunk))
  await eventually(`the link (${told})`, async () => {
    if (link.exitCode !== null) throw new Error(told)
    return told.includes('up')
  })
  return { namespace, pass: (isPassing) => void link.kill(isPassing ? 'SIGCONT' : 'SIGSTOP') }
}

/**
 * Starts an instance on the other side and enters it in the catalog without a check: what is known of its health is what
 * calls meet. Its port is free there, as nobody else is.
 */
export async function startFar(
  context: FaultContext,
  { namespace }: Link,
  registry: string,
  number: number,
): Promise<FarInstance> {
  const id = `far-${number}`
  const port = 4000 + number
  const args = [
    'run',
    path.join(import.meta.dirname, 'echo.ts'),
    '--port',
    String(port),
    '--host',
    FAR,
    '--no-registry',
  ]
  const env = { SKEIN_INSTANCE: id, SKEIN_LOG_LEVEL: 'warn' }
  const child = startProcess(context, args, env, ROOT, ['ip', 'netns', 'exec', namespace])
  const url = `http://${FAR}:${port}`
  await eventually(id, async () => {
    if (child.gone()) throw new Error(child.output())
    return (await get(`${url}/health/ready`)).status === 200
  })
  const Service = { ID: id, Service: 'echo', Address: FAR, Port: port }
  const body = JSON.stringify({ Node: 'far', Address: FAR, Service })
  await (await request(`${registry}/v1/catalog/register`, { method: 'PUT', body })).body.dump()
  return { id, url }
}
