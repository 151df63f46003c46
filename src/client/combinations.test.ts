/**
 * All that a call may pass through at once, by seed: retries, hedges, deadlines, bulkheads, circuits, tailoring, leases, bodies, gRPC and HTTP/2,
 * shared connections, callers that go, and instances that come, move and misbehave. Whatever happens, every count is at zero
 * behind it, every place is free, and once the instances are well all of them are in and no circuit stays open.
 */
import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createH2Server, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Server, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import type { OwnPolicy } from '../balance/balance-config.ts'
import { type Clock, sleep, systemClock } from '../core/clock.ts'
import { SkeinError } from '../core/errors.ts'
import { below, type Random, seeded } from '../core/random.ts'
import type { Instance } from '../discovery/contract.ts'
import { type StaticSource, staticSource } from '../discovery/source/static.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { keptSpans } from '../telemetry/spans/kept.suite.ts'
import { createCaller } from './caller.ts'
import type { Caller, CallPolicy, OutboundRequest, OutboundResponse, Tailoring } from './contract.ts'
import { describe, eventually, text } from './kit.suite.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)
const CALLS = 600
const AT_ONCE = 40

/** While false all instances answer well and at once. */
let isWild = true

type Pick = <T>(...of: readonly T[]) => T
const picking =
  (random: Random): Pick =>
  (...of) =>
    of[below(random, of.length)]!

function http1Deeds(random: Random): RequestListener {
  const refuse = (code: string, status = 503): RequestListener => {
    return (_, response) => void response.writeHead(status, { 'x-skein-error': code }).end()
  }
  const well: RequestListener = (_, response) => void response.writeHead(200).end('well')
  const deeds: readonly RequestListener[] = [
    well,
    well,
    (request, response) => void setTimeout(() => well(request, response), below(random, 40)),
    (_, response) => void response.writeHead(500).end(),
    (_, response) => void response.writeHead(503).end(),
    refuse('OVERLOADED'),
    refuse('SHUTTING_DOWN'),
    refuse('UPSTREAM_FAILED', 502),
    ({ socket }) => void socket.resetAndDestroy(),
    (_, response) => {
      response.writeHead(200, { 'content-length': '8' }).write('half')
      setTimeout(() => response.destroy(), below(random, 10))
    },
    () => {},
  ]
  return (request, response) => {
    request.resume().on('error', () => {})
    ;(isWild ? deeds[below(random, deeds.length)]! : well)(request, response)
  }
}

function http2Deeds(random: Random): (stream: ServerHttp2Stream) => void {
  const well = (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end('well')
  }
  const failed = (status: string) => (stream: ServerHttp2Stream) =>
    stream.respond({ ':status': 200, 'grpc-status': status }, { endStream: true })
  const deeds: readonly ((stream: ServerHttp2Stream) => void)[] = [
    well,
    well,
    (stream) => void setTimeout(() => stream.destroyed || well(stream), below(random, 40)),
    failed('13'),
    failed('14'),
    (stream) => stream.respond({ ':status': 503 }, { endStream: true }),
    (stream) => stream.close(below(random, 12)),
    (stream) => {
      stream.session?.goaway()
      well(stream)
    },
    (stream) => stream.session?.destroy(),
    (stream) => {
      stream.respond({ ':status': 200 })
      stream.write('half')
      setTimeout(() => stream.close(2), below(random, 10))
    },
    () => {},
  ]
  return (stream) => {
    stream.on('error', () => {}).resume()
    ;(isWild ? deeds[below(random, deeds.length)]! : well)(stream)
  }
}

async function listening<S extends Server>(t: TestContext, server: S): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function instances(t: TestContext, random: Random): Promise<readonly Instance[]> {
  const h2 = (): Http2Server =>
    createH2Server()
      .on('stream', http2Deeds(random))
      .on('sessionError', () => {})
  const ports = [createServer(http1Deeds(random)), createServer(http1Deeds(random)), h2(), h2(), h2()]
  const [a, b, c, d, e] = await Promise.all(ports.map((server) => listening(t, server as Server)))
  return [
    describe('u1', a!, { meta: { pipelining: '8', zone: 'a' } }),
    describe('u2', b!, { meta: { zone: 'b', contract: 'c2' } }),
    describe('u3', c!, { meta: { protocol: 'h2c', zone: 'a' } }),
    describe('r1', d!, { service: 'rpc' }),
    describe('r2', e!, { service: 'rpc' }),
  ]
}

/** Some leave, move to each other's address, are drained or called critical. */
function shuffle(source: StaticSource, all: readonly Instance[], random: Random): void {
  const pick = picking(random)
  const [first, second] = all
  const moved = below(random, 4) === 0
  const now = all.flatMap((one): Instance[] => {
    const port = moved && one.id === 'u1' ? second!.port : moved && one.id === 'u2' ? first!.port : one.port
    const change = pick<Partial<Instance> | undefined>({}, {}, {}, { weight: 0 }, { status: 'critical' }, undefined)
    return change === undefined ? [] : [{ ...one, port, ...change }]
  })
  source.set(now)
}

const CIRCUITS = [
  { minimum: 2, openMs: 10 },
  { minimum: 5, openMs: 3, failureShare: 0.3 },
] as const
const BULKHEADS = [
  { calls: 6, queue: 6, waitMs: 10 },
  { perOperation: 3, queue: 0 },
  { calls: 9, perOperation: 5, waitMs: 2 },
] as const

const mistaken: OwnPolicy = (all, { hashKey }) => {
  if (hashKey === 'mistake') throw new TypeError('a mistake')
  return all[0]!
}

function anyPolicy(random: Random): CallPolicy {
  const pick = picking(random)
  return {
    deadlineMs: 10 + below(random, 200),
    attempts: 1 + below(random, 4),
    attemptTimeoutMs: pick(undefined, undefined, 1 + below(random, 40)),
    hedge: pick(undefined, { delayMs: below(random, 15), max: 1 + below(random, 3) }, { delayMs: 'p90' }),
    circuit: pick<CallPolicy['circuit']>(undefined, ...CIRCUITS),
    bulkhead: pick<CallPolicy['bulkhead']>(undefined, ...BULKHEADS),
    balance: pick<CallPolicy['balance']>(undefined, 'round-robin', mistaken, {
      policy: 'p2c',
      zone: { own: 'a' },
      panic: 50,
    }),
  }
}

function anyTailoring(random: Random): Tailoring | undefined {
  const later = () => sleep(below(random, 5))
  const tailor = picking(random)<Tailoring['tailor']>(
    () => undefined,
    () => later().then(() => ({ path: '/tailored' })),
    () => later().then(() => Promise.reject(new SkeinError('INVALID_INPUT', 'no such form'))),
    () => {
      throw new TypeError('a mistake')
    },
  )
  return below(random, 3) > 0 ? undefined : { suits: (contract) => contract === 'c2', tailor }
}

function anyRequest(random: Random, signal: AbortSignal): OutboundRequest {
  const pick = picking(random)
  const rpc = below(random, 4) === 0
  const body = pick<() => OutboundRequest['body']>(
    () => undefined,
    () => 'text',
    () => Readable.from(['some', 'thing']),
  )()
  return {
    service: rpc ? 'rpc' : 'users',
    method: rpc || body !== undefined ? 'POST' : pick('GET', 'PUT'),
    path: '/x',
    headers: [],
    body,
    operation: pick('read', 'list', undefined),
    idempotent: pick(undefined, undefined, true, false),
    grpc: rpc ? { timeoutMs: undefined } : undefined,
    hashKey: pick('key', 'mistake'),
    tailoring: rpc ? undefined : anyTailoring(random),
    policy: anyPolicy(random),
    signal,
  }
}

async function taken(response: OutboundResponse, random: Random): Promise<void> {
  if (below(random, 4) === 0) response.source.drop(new Error('not needed'))
  else if (below(random, 8) === 0) response.body.destroy()
  else await text(response.body)
}

async function oneCall(caller: Caller, random: Random): Promise<void> {
  const stop = new AbortController()
  if (below(random, 20) === 0) stop.abort()
  const timer = systemClock.after(below(random, 60), () => below(random, 4) === 0 && stop.abort())
  try {
    await taken(await caller.request(anyRequest(random, stop.signal)), random)
  } catch (error) {
    assert.ok(error instanceof Error)
    if (error instanceof SkeinError && error.code === 'INTERNAL') assert.match(String(error.cause), /a mistake/)
  } finally {
    timer.cancel()
  }
}

async function oneLease(caller: Caller, random: Random): Promise<void> {
  const lease = await caller.lease({ service: 'users' }).catch(() => undefined)
  await sleep(below(random, 10))
  lease?.release(below(random, 2) === 0)
}

/** Real time, that can be moved on. */
function movable(): Clock & { skew: number } {
  const clock = {
    ...systemClock,
    skew: 0,
    monotonic: () => systemClock.monotonic() + clock.skew,
  }
  return clock
}

/** Everything that was taken has been given back. */
function atRest(caller: Caller, metrics: Metrics): boolean {
  const under = [...metrics.toText().matchAll(/^skein_client_in_flight_requests\{.*\} (\S+)$/gm)]
  const guards = ['users', 'rpc'].map((service) => caller.guards(service, { bulkhead: BULKHEADS[0] }))
  assert.ok(under.every(([, value]) => Number(value) >= 0))
  return (
    under.every(([, value]) => value === '0') &&
    guards.every(({ calls, retries, bulkhead }) => calls + retries.underWay + bulkhead!.calls + bulkhead!.waiting === 0)
  )
}

async function calmed(caller: Caller, clock: { skew: number }, service: string): Promise<void> {
  const grpc = service === 'rpc' ? { timeoutMs: undefined } : undefined
  const isWell = async (circuit: CallPolicy['circuit']) => {
    const states = await caller.inspect(service)
    return (
      states.every(({ reason }) => reason === undefined) &&
      caller.guards(service, { circuit }).circuit?.state === 'closed'
    )
  }
  for (const circuit of CIRCUITS) {
    await eventually(async () => {
      // Whatever has been ejected, and for however long.
      clock.skew += 31_000
      const policy: CallPolicy = { balance: 'round-robin', circuit }
      const answer = await caller
        .request({ service, method: 'GET', path: '/', headers: [], grpc, policy })
        .catch(() => undefined)
      if (answer !== undefined) await text(answer.body).catch(() => '')
      return isWell(circuit)
    })
  }
}

test('nothing that a call has taken stays taken', { timeout: 60_000 }, async (t) => {
  t.diagnostic(`SKEIN_SEED=${SEED}`)
  const random = seeded(SEED)
  const clock = movable()
  const metrics = new Metrics()
  const all = await instances(t, random)
  const source = staticSource(all)
  const { tracer } = keptSpans()
  const caller = createCaller({ source, metrics, clock, random, tracer: below(random, 2) === 0 ? tracer : false })
  t.after(() => caller.close())

  isWild = true
  let calls = 0
  const worker = async () => {
    while (calls++ < CALLS) {
      if (below(random, 10) === 0) shuffle(source, all, random)
      await (below(random, 8) === 0 ? oneLease(caller, random) : oneCall(caller, random))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  source.set(all)
  // Who has lost a race, and a body that was left, are told a little later.
  await eventually(() => atRest(caller, metrics))
  for (const service of ['users', 'rpc']) {
    for (const { inFlight } of await caller.inspect(service)) assert.equal(inFlight, 0)
  }

  isWild = false
  await calmed(caller, clock, 'users')
  await calmed(caller, clock, 'rpc')
  // Who was waited for still would be silent by now.
  clock.skew += 60_000
  for (const service of ['users', 'rpc']) {
    for (const { reason } of await caller.inspect(service)) assert.equal(reason, undefined)
  }
  await eventually(() => atRest(caller, metrics))
})
