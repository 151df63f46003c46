/** A client of HTTP/2 by hand, in the same process as the server and without the system between: so that anything can be said, and when. */
import { type Duplex, duplexPair } from 'node:stream'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { frame, headerBlock } from '../../../test/hostile/h2/frames.ts'
import { VirtualClock } from '../../core/clock.ts'
import type { ServerExchange } from '../contract.ts'
import type { ConnectionLimits } from '../limits.ts'
import { Reading } from '../reading.ts'
import { CONNECTION_LIMITS } from '../server.ts'
import type { Occupant } from '../sockets.ts'
import type { WireError } from '../wire-error.ts'
import { FLAG, FRAME } from './codes.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import { H2Server } from './server.ts'

export { frame, headerBlock as block }

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
export type Fields = readonly (readonly [name: string, value: string])[]

export const GET: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/x'],
  [':authority', 'a'],
]
export const POST: Fields = [[':method', 'POST'], ...GET.slice(1)]

export const headers = (stream: number, fields: Fields, flags: number = FLAG.endStream): Buffer =>
  frame(FRAME.headers, flags | FLAG.endHeaders, stream, headerBlock(fields))
export const data = (stream: number, bytes: string | Uint8Array, flags = 0): Buffer =>
  frame(FRAME.data, flags, stream, typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
export const word = (type: number, stream: number, value: number): Buffer => {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(value)
  return frame(type, 0, stream, payload)
}
export const windowUpdate = (stream: number, bytes: number) => word(FRAME.windowUpdate, stream, bytes)
export const padded = (type: number, flags: number, stream: number, padding: number, payload: Buffer): Buffer =>
  frame(type, flags | FLAG.padded, stream, Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)]))
/** `dependency` with the highest bit: exclusive. */
export const priority = (stream: number, dependency: number, weight: number): Buffer => {
  const payload = Buffer.alloc(5, weight)
  payload.writeUInt32BE(dependency)
  return frame(FRAME.priority, 0, stream, payload)
}
export const reset = (stream: number, code = 8) => word(FRAME.reset, stream, code)
export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6)
  pairs.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6)
    payload.writeUInt32BE(value, i * 6 + 2)
  })
  return frame(FRAME.settings, 0, 0, payload)
}

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
  /** Of HEADERS. */
  readonly fields: readonly string[]
}

export interface Talk {
  readonly clock: VirtualClock
  readonly server: H2Server
  readonly connection: Occupant
  readonly socket: Duplex
  /** All that came back. */
  readonly frames: Frame[]
  /** Refusals, by reason. */
  readonly refused: string[]
  readonly closed: boolean
  /** Says `bytes`, and waits until the server has nothing to do. */
  say(...bytes: Buffer[]): Promise<void>
  /** What came back on a stream, in words. */
  heard(stream: number): string[]
}

export const silent = { drained() {}, gone() {}, done() {} }

export async function talk(
  t: TestContext,
  handle: (exchange: ServerExchange) => void,
  limits: Partial<ConnectionLimits> = {},
  greeting: Buffer = Buffer.concat([PREFACE, settings()]),
): Promise<Talk> {
  const clock = new VirtualClock()
  const refused: string[] = []
  const server = new H2Server(
    {
      limits: { ...CONNECTION_LIMITS, ...limits },
      clock,
      onRequest(exchange) {
        exchange.observer = silent
        handle(exchange)
      },
      onRefusedStream(exchange: ServerExchange, { reason, status }: WireError) {
        refused.push(reason)
        exchange.send(status, [], reason)
      },
    },
    100,
  )
  const [socket, theirs] = duplexPair()
  copyWrites(theirs)
  const connection = server.accept(theirs as never, new Reading())
  const { frames, heard } = listenTo(socket)
  let closed = false
  socket.on('error', () => {})
  theirs.once('close', () => {
    closed = true
  })
  t.after(() => socket.destroy())
  const said: Talk = {
    ...{ clock, server, connection, socket, frames, refused },
    get closed() {
      return closed
    },
    async say(...bytes) {
      if (bytes.length > 0) socket.write(Buffer.concat(bytes))
      await quiet()
    },
    heard,
  }
  await said.say(greeting)
  return said
}

/** As the system does: what was written is the writer's again. */
function copyWrites(stream: Duplex): void {
  const { _write } = stream
  stream._write = (bytes: Buffer, encoding, done) => _write.call(stream, Buffer.from(bytes), encoding, done)
}

export async function quiet(): Promise<void> {
  for (let turns = 0; turns < 8; turns++) await turn()
}

/** Collects what comes on `socket`. */
export function listenTo(socket: Duplex): Pick<Talk, 'frames' | 'heard'> {
  const frames: Frame[] = []
  collect(socket, frames)
  return { frames, heard: (stream) => frames.filter((one) => one.stream === stream).map(inWords) }
}

function collect(socket: Duplex, frames: Frame[]): void {
  const decoder = new HpackDecoder({ headBytes: 1_000_000, headerFields: 1_000 })
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes])
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3)
      const [type, flags, stream] = [rest[3]!, rest[4]!, rest.readUInt32BE(5)]
      const payload = Buffer.from(rest.subarray(9, end))
      const isHead = type === FRAME.headers && (flags & FLAG.endHeaders) !== 0
      frames.push({ type, flags, stream, payload, fields: isHead ? decoder.read(payload).fields : [] })
      rest = rest.subarray(end)
    }
  })
}

function inWords({ type, flags, payload, fields }: Frame): string {
  const ends = (flags & FLAG.endStream) !== 0 && type <= FRAME.headers ? ' end' : ''
  if (type === FRAME.data) return `data ${payload.length}${ends}`
  if (type === FRAME.headers) return `${fields[0] === ':status' ? fields[1] : fields.join(' ')}${ends}`
  if (type === FRAME.reset) return `reset ${payload.readUInt32BE(0)}`
  if (type === FRAME.goaway) return `goaway ${payload.readUInt32BE(4)} after ${payload.readUInt32BE(0)}`
  if (type === FRAME.windowUpdate) return `window ${payload.readUInt32BE(0)}`
  if (type === FRAME.settings) return flags === 0 ? 'settings' : 'settings ack'
  if (type === FRAME.ping) return `ping ${flags}`
  return `frame ${type}`
}
