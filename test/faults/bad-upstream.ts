/**
 * R23: one of three instances breaks off its answers in every way: accepted and reset, half a head, early end, too long, no
 * HTTP. Clients may be told of an error, but a truncated answer may not look whole, nobody may wait for ever, and what may be
 * repeated is answered by another instance.
 */

import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { Agent, request } from 'undici'
import type { Fault, Row } from './harness/contract.ts'
import { startStage } from './harness/stage.ts'

const BODY = 'x'.repeat(20_000)
const HEAD = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Whole: ${BODY.length}\r\n`

/** What the broken instance does with a request. */
const BREAKS: Readonly<Record<string, (socket: Socket) => void>> = {
  'reset before the head': (socket) => socket.resetAndDestroy(),
  'closed before the head': (socket) => socket.end(),
  'half a head': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Le'),
  'early end': (socket) => socket.end(`${HEAD}Content-Length: ${BODY.length}\r\n\r\n${BODY.slice(0, 9000)}`),
  'early end of chunks': (socket) =>
    socket.end(`${HEAD}Transfer-Encoding: chunked\r\n\r\n2328\r\n${BODY.slice(0, 9000)}\r\n`),
  'reset in the body'(socket) {
    socket.write(`${HEAD}Content-Length: ${BODY.length}\r\n\r\n${BODY.slice(0, 9000)}`, () => socket.resetAndDestroy())
  },
  'too long': (socket) => socket.end(`${HEAD}Content-Length: 5\r\n\r\n${BODY}`),
  'no HTTP': (socket) => socket.end('220 mail.example ESMTP\r\n500 what?\r\n'),
  'wrong chunk size': (socket) => socket.end(`${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n${BODY}\r\n0\r\n\r\n`),
  'two lengths': (socket) => socket.end(`${HEAD}Content-Length: 5\r\nContent-Length: 20000\r\n\r\n${BODY}`),
  'endless 1xx': (socket) => void socket.write('HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n'.repeat(2000)),
  silence: () => {},
}

/** Each of these takes an attempt's whole time. */
const SLOW = new Set(['endless 1xx', 'silence'])

export default {
  name: 'bad-upstream',
  what: 'an instance resets, breaks off, lies about lengths, talks no HTTP or is silent (R23)',
  ci: true,
  async run(context) {
    const { pick, after } = context
    const stage = await startStage(context, { instances: 1, env: { ECHO_MS: '0' }, route: { timeoutMs: 1500 } })
    let breakIt = BREAKS['silence']!
    let met = 0
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.on('data', () => {
        met++
        breakIt(socket)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    after(() => void server.close())
    const { port } = server.address() as AddressInfo
    const Service = { ID: 'broken', Service: 'echo', Address: '127.0.0.1', Port: port }
    const Check = { CheckID: 'service:broken', ServiceID: 'broken', Status: 'passing' }
    const body = JSON.stringify({ Node: 'elsewhere', Address: '127.0.0.1', Service, Check })
    await (await request(`${stage.registry.url}/v1/catalog/register`, { method: 'PUT', body })).body.dump()
    await stage.settled(2)

    const each = pick({ ci: 30, normal: 300, long: 1000 })
    const total: Outcome = { whole: 0, refused: 0, truncated: [], hung: [], broken: 0 }
    const callAll = async (count: (name: string) => number) => {
      for (const [name, how] of Object.entries(BREAKS)) {
        breakIt = how
        const agent = new Agent({ connections: 32 })
        const share = Math.ceil(count(name) / 10)
        const clients = Array.from({ length: 10 }, (_, i) =>
          callMany(agent, stage.url, name, share, i % 2 === 0, total),
        )
        await Promise.all(clients)
        await agent.destroy()
      }
    }
    const quick = Object.keys(BREAKS).length - SLOW.size
    await callAll((name) => (SLOW.has(name) ? 10 : each))
    const ofBoth = each * quick + 10 * SLOW.size
    const { whole } = total
    // Alone it is asked although it is ejected, so that nearly every call meets it.
    stage.instances[0]!.signal('SIGTERM')
    await stage.instances[0]!.exited
    const before = met
    const alone = pick({ ci: 60, normal: 1000, long: 1000 })
    await callAll((name) => (SLOW.has(name) ? 10 : alone))
    const ofAlone = alone * quick + 10 * SLOW.size
    context.log(`${total.whole} whole, ${total.refused} refused with an error, ${total.broken} broken off visibly`)
    const of = ofBoth + ofAlone
    const row = (figure: string, found: readonly string[]): Row => ({
      figure,
      value: found.length,
      unit: '',
      atMost: 0,
      of,
      detail: found[0],
    })
    return [
      row('truncated or foreign answers shown as whole', total.truncated),
      row('calls without an end', total.hung),
      {
        figure: 'safe calls answered whole by the other',
        value: (100 * whole) / (ofBoth / 2),
        unit: '%',
        atLeast: 90,
        of: ofBoth / 2,
      },
      {
        figure: 'calls that met it when alone',
        value: (100 * (met - before)) / ofAlone,
        unit: '%',
        atLeast: 50,
        of: ofAlone,
      },
      { figure: 'gateway alive', value: stage.gateway.gone() ? 0 : 1, unit: '', atLeast: 1 },
    ]
  },
} satisfies Fault

interface Outcome {
  /** GETs that were answered as they should be. */
  whole: number
  refused: number
  broken: number
  readonly truncated: string[]
  readonly hung: string[]
}

/** Five bytes are all that an answer of length 5 holds, however many follow: those may be nobody's. */
const isWhole = (text: string, name: string) =>
  text.startsWith('{"from":"echo-') || (name === 'too long' && text === 'xxxxx')

/** GETs may be repeated by the gateway, POSTs may not. */
async function callMany(
  agent: Agent,
  url: string,
  name: string,
  count: number,
  safe: boolean,
  total: Outcome,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    try {
      const answer = await request(`${url}/echo`, {
        ...{ method: safe ? 'GET' : 'POST', dispatcher: agent, signal: AbortSignal.timeout(8000) },
        ...(safe ? {} : { body: `${name} ${i}` }),
      })
      const text = await answer.body.text()
      if (answer.statusCode !== 200) total.refused++
      else if (!isWhole(text, name)) total.truncated.push(`${name}: ${text.length} bytes: ${text.slice(0, 60)}`)
      else if (safe) total.whole++
    } catch (error) {
      if ((error as Error).name === 'TimeoutError') total.hung.push(name)
      else total.broken++
    }
  }
}
