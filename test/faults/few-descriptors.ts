/**
 * R34: gateway, registry and an instance each with 64 file descriptors, and more clients than that. Nobody may die, those
 * who look after them must be answered, and when the clients have gone everything is as before.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { freePort } from '../../src/core/free-port.ts'
import { needsProgram } from '../support/needs.ts'
import { eventually, ROOT } from '../support/up.ts'
import type { Fault, FaultContext, Row } from './harness/contract.ts'
import { get, type Process, startProcess } from './harness/stage.ts'

const CLIENTS = 200

export default {
  name: 'few-descriptors',
  what: 'gateway, registry and an instance with 64 file descriptors each, and 200 clients (R34)',
  ci: true,
  skip: () => needsProgram('prlimit', 'util-linux'),
  async run(context) {
    const { dir } = context
    const port = {
      registry: await freePort(),
      echo: await freePort(),
      gateway: await freePort(),
      admin: await freePort(),
    }
    const url = (which: keyof typeof port) => `http://127.0.0.1:${port[which]}`
    const start = (...args: string[]) => startProcess(context, args, {}, ROOT, ['prlimit', '--nofile=64:64'])
    const registry = start('registry', '--port', String(port.registry), '--dns-port', 'off', '--data', dir)
    await ready(`${url('registry')}/health/ready`)
    const entry = 'test/faults/harness/echo.ts'
    const echo = start('run', entry, '--port', String(port.echo), '--registry', url('registry'))
    await ready(`${url('echo')}/health/ready`)
    await (
      await fetch(`${url('registry')}/v1/kv/skein/gateway/edge`, {
        method: 'PUT',
        body: JSON.stringify({ routes: [{ path: '/*', to: 'echo' }] }),
      })
    ).text()
    const [own, admin] = [String(port.gateway), String(port.admin)]
    const gateway = start(
      'gateway',
      '--name',
      'edge',
      '--registry',
      url('registry'),
      '--port',
      own,
      '--admin-port',
      admin,
    )
    await ready(`${url('gateway')}/echo`)
    const health = {
      gateway: `${url('admin')}/health/ready`,
      registry: `${url('registry')}/health/ready`,
      echo: `${url('echo')}/health/ready`,
    }
    const rows: Row[] = []
    for (const [name, process] of Object.entries({ gateway, registry, echo } satisfies Record<string, Process>)) {
      rows.push(
        ...(await crowd(context, name, port[name as keyof typeof port], process, health[name as keyof typeof health])),
      )
    }
    await ready(`${url('gateway')}/echo`)
    return rows
  },
} satisfies Fault

/** Connections that stay, half of them with a request under way. */
async function crowd(
  context: FaultContext,
  name: string,
  port: number,
  process: Process,
  health: string,
): Promise<Row[]> {
  const sockets: Socket[] = []
  for (let i = 0; i < CLIENTS; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    socket.on('connect', () => socket.write(i % 2 === 0 ? 'GET /echo HTTP/1.1\r\nHost: a\r\n\r\n' : 'GET /echo HT'))
    socket.resume()
    sockets.push(socket)
  }
  context.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  await pause(context.pick({ ci: 1000, normal: 5000, long: 30_000 }))
  const answered = await looksAfter(health)
  for (const socket of sockets) socket.destroy()
  const freed = performance.now()
  await ready(health)
  return [
    {
      figure: `${name}: crashed`,
      value: process.gone() ? 1 : 0,
      unit: '',
      atMost: 0,
      detail: process.gone() ? process.output().slice(-500) : undefined,
    },
    { figure: `${name}: health answered meanwhile`, value: answered ? 1 : 0, unit: '', atLeast: 1 },
    { figure: `${name}: well again after`, value: performance.now() - freed, unit: 'ms', atMost: 5000 },
  ]
}

/** As one who looks every now and then does: on a connection of its own, three times. */
async function looksAfter(health: string): Promise<boolean> {
  for (let i = 0; i < 3; i++) {
    const status = await request(health, { reset: true, headersTimeout: 1000, dispatcher: new Agent() }).then(
      async ({ statusCode, body }) => body.dump().then(() => statusCode),
      () => 0,
    )
    if (status === 200) return true
    await pause(300)
  }
  return false
}

async function ready(url: string): Promise<void> {
  await eventually(url, async () => (await get(url)).status === 200)
}
