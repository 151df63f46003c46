/** An instance that breaks its answers, each in one way: by the last word of the path. It watches over its own connections. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** What a client may be told; `cut` is a head and then a visible break. */
export type Verdict = 'error' | 'cut' | 'whole'

export interface Break {
  /** What the bytes do; the request is there in full. */
  act(socket: Socket): void
  /** Every lawful outcome. */
  readonly may: readonly Verdict[]
  /** An attempt lasts as long as it may. */
  readonly slow?: true
}

const BODY = 'x'.repeat(20_000)
/** Said by every whole answer of this instance, so that a client knows a truncated one. */
export const WHOLE_HEADER = 'x-whole'
const head = (...fields: string[]) =>
  `${['HTTP/1.1 200 OK', `X-Whole: ${BODY.length}`, ...fields].join('\r\n')}\r\n\r\n`
const LENGTH = head(`Content-Length: ${BODY.length}`)
const CHUNKED = head('Transfer-Encoding: chunked')
const CHUNK = `${BODY.length.toString(16)}\r\n${BODY}\r\n`

const then = (bytes: string, act: (socket: Socket) => void) => (socket: Socket) => {
  if (bytes === '') act(socket)
  else socket.write(bytes, 'latin1', () => act(socket))
}
const reset = (bytes: string) => then(bytes, (socket) => socket.resetAndDestroy())
const end = (bytes: string) => then(bytes, (socket) => socket.end())
const say = (bytes: string) => then(bytes, () => undefined)

export const BREAKS = {
  'reset-before-head': { act: reset(''), may: ['error'] },
  'reset-in-head': { act: reset('HTTP/1.1 200 OK\r\nContent-Le'), may: ['error'] },
  'reset-in-body': { act: reset(LENGTH + BODY.slice(0, 9000)), may: ['error', 'cut'] },
  'reset-in-chunks': { act: reset(CHUNKED + CHUNK), may: ['error', 'cut'] },
  'reset-after-body': { act: reset(LENGTH + BODY), may: ['error', 'cut', 'whole'] },
  'end-before-head': { act: end(''), may: ['error'] },
  'end-in-head': { act: end('HTTP/1.1 200 OK\r\nContent-Le'), may: ['error'] },
  'end-before-body': { act: end(LENGTH), may: ['error', 'cut'] },
  'end-in-body': { act: end(LENGTH + BODY.slice(0, 9000)), may: ['error', 'cut'] },
  'end-in-chunks': { act: end(`${CHUNKED}${CHUNK}2710\r\nxx`), may: ['error', 'cut'] },
  'end-before-last-chunk': { act: end(CHUNKED + CHUNK), may: ['error', 'cut'] },
  garbage: { act: say('220 mail.example ESMTP\r\n500 what?\r\n\r\n'), may: ['error'] },
  'binary-garbage': { act: say('\x16\x03\x03\0\x02\x02\x28\r\n\r\n\0\0'), may: ['error'] },
  'garbage-in-chunks': { act: say(`${CHUNKED + CHUNK}zz\r\n`), may: ['error', 'cut'] },
  'two-lengths': { act: say(head('Content-Length: 5', `Content-Length: ${BODY.length}`) + BODY), may: ['error'] },
  'two-framings': {
    act: say(`${head('Content-Length: 5', 'Transfer-Encoding: chunked')}${CHUNK}0\r\n\r\n`),
    may: ['error'],
  },
  'endless-head': { act: (socket) => pour(socket, 'HTTP/1.1 200 OK\r\n', 'A: b\r\n'), may: ['error'] },
  'endless-interim': {
    act: (socket) => pour(socket, '', 'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n'),
    may: ['error'],
  },
  'too-long-body': { act: say(LENGTH + BODY + BODY), may: ['error', 'cut', 'whole'] },
  'second-answer': { act: say(`${LENGTH}${BODY}${head('Content-Length: 6')}poison`), may: ['error', 'cut', 'whole'] },
  silence: { act: () => undefined, may: ['error'], slow: true },
  'half-a-head-and-silence': { act: say('HTTP/1.1 200 OK\r\nContent-Le'), may: ['error'], slow: true },
} as const satisfies Readonly<Record<string, Break>>

/** Bytes without an end, as fast as they are taken. */
function pour(socket: Socket, first: string, piece: string): void {
  const bytes = Buffer.from(piece.repeat(1000))
  const more = () => {
    while (!socket.destroyed && socket.write(bytes));
  }
  socket.on('drain', more)
  socket.write(first)
  more()
}

export interface BrokenUpstream {
  readonly port: number
  /** Requests that came over a connection on which an answer had been broken before. */
  readonly dirty: string[]
  /** How many requests met each way. */
  readonly met: ReadonlyMap<string, number>
  close(): void
}

export async function breakAnswers(): Promise<BrokenUpstream> {
  const dirty: string[] = []
  const met = new Map<string, number>()
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket))
    let broken: string | undefined
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (!text.endsWith('\r\n\r\n')) return
      const name = /^GET (?:\/[\w-]+)*\/([\w-]+) /.exec(text)?.[1] ?? ''
      text = ''
      if (broken !== undefined) dirty.push(`${name} behind ${broken}`)
      met.set(name, (met.get(name) ?? 0) + 1)
      broken = name
      ;(BREAKS as Readonly<Record<string, Break>>)[name]!.act(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    dirty,
    met,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
