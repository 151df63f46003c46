/** The proxies that npm brings: each is a small program in `peer/node/`, in a process of its own. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { freePort } from '../../src/core/free-port.ts'
import { eventually } from '../../test/support/up.ts'
import { type Running, start } from '../harness/process.ts'
import type { Peer, Setting } from './contract.ts'

const HERE = import.meta.dirname
const INSTALLED = path.join(HERE, '../node_modules')

export const PACKAGES: readonly Peer[] = [
  nodePeer('fastify-http-proxy', '@fastify/http-proxy', 'undici below, access log off'),
  nodePeer('http-proxy-3', 'http-proxy-3', 'with a keep-alive agent'),
  nodePeer('httpxy', 'httpxy', 'with a keep-alive agent'),
  {
    ...nodePeer('moleculer-web', 'moleculer-web', 'to a Moleculer service over its TCP transporter; small GETs only'),
    start: startMoleculer,
  },
  nodePeer('undici', 'undici', 'node:http and a pool by dispatch with raw headers: what one writes by hand'),
]

function nodePeer(name: string, packageName: string, what: string): Peer {
  return {
    name,
    what,
    node: true,
    fronts: ['http'],
    missing: () =>
      existsSync(path.join(INSTALLED, packageName)) ? undefined : `${packageName} is absent (npm --prefix bench ci)`,
    start: ({ dir, port, originPort }) => startNode(name, [`${port}`, `${originPort}`], port, dir),
  }
}

function startNode(name: string, args: readonly string[], port: number, cwd: string): Promise<Running> {
  const env = { NODE_ENV: 'production' }
  return start(process.execPath, [path.join(HERE, 'node', `${name}.js`), ...args], port, { cwd, env })
}

/** Its origin is a node of its own kind, which is not counted. */
async function startMoleculer({ dir, port }: Setting): Promise<Running> {
  const ports = { service: await freePort(), gateway: await freePort() }
  const service = await startNode('moleculer-web', ['service', JSON.stringify(ports)], ports.service, dir)
  const gateway = await startNode('moleculer-web', [`${port}`, JSON.stringify(ports)], port, dir)
  const close = async () => {
    await gateway.close()
    await service.close()
  }
  // It listens before its nodes have found each other.
  const finds = async () => (await fetch(`http://127.0.0.1:${port}/small`)).ok
  await eventually('the Moleculer service', finds).catch(async (error) => {
    await close()
    throw error
  })
  return { ...gateway, close }
}
