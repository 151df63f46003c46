/** HTTP/2 by hand: frames, and header blocks of literals, so that anything at all can be said. */
import { connect } from 'node:net'

export type H2Fields = readonly (readonly [name: string, value: string])[]

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
export const TYPE = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** RFC 7541 §6.2.2: literals that are not put into the table, names and values as they are. */
export function headerBlock(fields: H2Fields): Buffer {
  return Buffer.concat(fields.map(([name, value]) => Buffer.concat([Buffer.from([0]), literal(name), literal(value)])))
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([integer(bytes.length), bytes])
}

/** RFC 7541 §5.1, with a prefix of 7 bits. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

/** A request on stream `id`, its header block cut as frames must be. */
export function request(fields: H2Fields, body: string | undefined, id = 1): Buffer {
  const block = headerBlock(fields)
  const parts: Buffer[] = []
  for (let at = 0; at === 0 || at < block.length; at += FRAME_MAX) {
    const last = at + FRAME_MAX >= block.length ? FLAG.endHeaders : 0
    const ends = at === 0 && body === undefined ? FLAG.endStream : 0
    const type = at === 0 ? TYPE.headers : TYPE.continuation
    parts.push(frame(type, last | ends, id, block.subarray(at, at + FRAME_MAX)))
  }
  if (body !== undefined) parts.push(frame(TYPE.data, FLAG.endStream, id, Buffer.from(body, 'latin1')))
  return Buffer.concat(parts)
}

const FRAME_MAX = 16_384

/** How stream 1, or the connection, came to its end. */
export type Ending = 'answered' | 'reset' | 'goaway' | 'closed' | 'open'

const LIMIT_MS = 5_000

/** Says the preface, empty settings and `bytes`, and hears how it ends; `until` are the endings that are waited for. */
export function converse(port: number, bytes: Buffer, until: readonly Ending[]): Promise<Ending> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const done = (ending: Ending) => {
      clearTimeout(late)
      socket.destroy()
      resolve(ending)
    }
    const late = setTimeout(done, LIMIT_MS, 'open')
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const ending = endingOf(rest)
        rest = rest.subarray(9 + rest.readUIntBE(0, 3))
        if (ending !== undefined && until.includes(ending)) return done(ending)
      }
    })
    socket.once('close', () => done('closed')).on('error', () => socket.destroy())
    socket.write(Buffer.concat([PREFACE, frame(TYPE.settings, 0, 0), bytes]))
  })
}

function endingOf(bytes: Buffer): Ending | undefined {
  const [type, flags, stream] = [bytes[3]!, bytes[4]!, bytes.readUInt32BE(5)]
  if (type === TYPE.goaway) return 'goaway'
  if (stream !== 1) return undefined
  if (type === TYPE.reset) return 'reset'
  const mayEnd = type === TYPE.data || type === TYPE.headers
  return mayEnd && (flags & FLAG.endStream) !== 0 ? 'answered' : undefined
}
