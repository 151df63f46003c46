/**
 * Handlers that do anything from inside of anything they are told, against a client that resets, ends and changes its windows: each
 * request is told its end once, the window of all bodies comes back to the byte, and nothing is said behind the end of a stream.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { below, type Random, seeded } from '../../core/random.ts'
import { CHUNKED, type ServerExchange } from '../contract.ts'
import { FLAG, FRAME } from './codes.ts'
import { data, type Frame, GET, headers, POST, quiet, reset, settings, talk, windowUpdate } from './talk.suite.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)
const ROUNDS = 200
const OPEN_MAX = 90
const WINDOW_BYTES = 1024 * 1024

/** What handlers do, and what they have heard. */
class Handlers {
  readonly live = new Set<ServerExchange>()
  begun = 0
  told = 0
  /** How many of others' exchanges one may touch. */
  patience = 3
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  begin(exchange: ServerExchange): void {
    this.begun++
    this.live.add(exchange)
    const over = () => {
      assert.ok(this.live.delete(exchange), 'its end was told twice')
      this.told++
    }
    exchange.observer = { drained: () => this.act(exchange), gone: over, done: over }
    exchange.body?.read({
      chunk: () => this.act(exchange),
      end: () => this.act(exchange),
      fail: () => this.act(exchange),
    })
    this.act(exchange)
  }

  act(exchange: ServerExchange): void {
    const { body, answered } = exchange
    const acts = [
      () => exchange.reset(),
      () => answered || exchange.send(200, ['x-a', 'b'], Buffer.alloc(below(this.#random, 90_000))),
      () => answered || exchange.begin(200, [], CHUNKED, this.#random() < 0.5),
      () => answered && exchange.write(Buffer.alloc(below(this.#random, 40_000))),
      () => answered && exchange.end(['x-t', '1']),
      () => body?.drop(new Error('not wanted')),
      () => body?.pause(),
      () => body?.resume(),
      () => this.#actOnOthers(),
    ]
    acts[below(this.#random, acts.length)]!()
  }

  some(share: number): void {
    for (const one of [...this.live]) if (this.#random() < share) this.act(one)
  }

  #actOnOthers(): void {
    if (this.patience-- > 0) this.some(0.1)
  }
}

/** What the client says in one turn; `open` are the streams whose bodies it has not ended, by what it has sent of them. */
function sayings(random: Random, open: Map<number, number>, next: () => number): Buffer {
  const [id = 0, sent = 0] = [...open][below(random, Math.max(1, open.size))] ?? []
  const kind = below(random, 7)
  if (kind < 2 && open.size < OPEN_MAX) {
    const begun = next()
    if (random() < 0.3) return headers(begun, GET)
    open.set(begun, 0)
    return headers(begun, POST, 0)
  }
  if (kind === 5) return windowUpdate(0, 30_000)
  if (kind === 6) return settings([4, below(random, 100_000)])
  if (id === 0) return windowUpdate(0, 300)
  if (kind === 4) return open.delete(id) ? reset(id) : windowUpdate(0, 300)
  const size = Math.min(below(random, 8_000), 60_000 - sent)
  const ends = random() < 0.3
  if (ends) open.delete(id)
  else open.set(id, sent + size)
  return data(id, Buffer.alloc(size), ends ? FLAG.endStream : 0)
}

function checkOrder(frames: readonly Frame[]): void {
  const ended = new Set<number>()
  const broken = new Set<number>()
  for (const { stream, type, flags } of frames) {
    if (stream === 0) continue
    assert.ok(!broken.has(stream), `a frame of type ${type} behind the reset of stream ${stream}`)
    const speaks = type === FRAME.data || type === FRAME.headers
    assert.ok(!(speaks && ended.has(stream)), `more behind the end of stream ${stream}`)
    if (speaks && (flags & FLAG.endStream) !== 0) ended.add(stream)
    if (type === FRAME.reset) broken.add(stream)
  }
}

async function run(t: TestContext, seed: number): Promise<void> {
  const random = seeded(seed)
  const handlers = new Handlers(random)
  const said = await talk(t, (exchange) => handlers.begin(exchange))
  const open = new Map<number, number>()
  let id = -1
  let sent = 0
  const next = () => {
    id += 2
    return id
  }
  for (let round = 0; round < ROUNDS; round++) {
    const batch = Array.from({ length: 1 + below(random, 6) }, () => sayings(random, open, next))
    for (const one of batch) if (one[3] === FRAME.data) sent += one.length - 9
    await said.say(...batch)
    said.clock.advance(50)
    handlers.patience = 3
    handlers.some(0.3)
  }
  await said.say(...[...open.keys()].map((one) => reset(one)))
  for (const one of [...handlers.live]) one.reset()
  await quiet()
  assert.doesNotMatch(said.heard(0).join(), /goaway/)
  assert.deepEqual([handlers.told, handlers.live.size, said.connection.busy], [handlers.begun, 0, false])
  const given = said.heard(0).flatMap((one) => (one.startsWith('window ') ? [Number(one.slice(7))] : []))
  const missing = WINDOW_BYTES - 65_535 - given.reduce((sum, bytes) => sum + bytes, 0) + sent
  assert.ok(missing >= 0 && missing < 65_536, `${missing} bytes of the window are missing`)
  checkOrder(said.frames)
}

for (let i = 0; i < 20; i++) test(`whatever handlers do (SKEIN_SEED=${SEED + i})`, (t) => run(t, SEED + i))
