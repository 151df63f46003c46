/**
 * A kept HTTP/1.1 connection that asks one thing at a time and keeps no bodies: the load generator must cost little, for
 * it runs beside what it measures.
 */
import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  /** X-Consul-Index, 0 where there is none. */
  readonly index: number
  /** Of the body. */
  readonly bytes: number
}

export class Connection {
  readonly #socket: Socket
  #waiting: PromiseWithResolvers<Answer> | undefined
  #unread: Buffer = Buffer.alloc(0)
  #expects: 'head' | 'body' | 'size' | 'chunk' | 'end' = 'head'
  /** Bytes that are still to come of the body or chunk. */
  #left = 0
  #answer = { status: 0, index: 0, bytes: 0 }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Connection(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (data: Buffer) => this.#take(data))
    socket.on('error', (error) => this.#waiting?.reject(error))
    socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')))
  }

  ask(method: string, path: string, body = ''): Promise<Answer> {
    this.#waiting = Promise.withResolvers()
    const length = body === '' && method === 'GET' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`
    this.#socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${length}\r\n${body}`)
    return this.#waiting.promise
  }

  close(): void {
    this.#waiting = undefined
    this.#socket.destroy()
  }

  #take(data: Buffer): void {
    this.#unread = this.#unread.length === 0 ? data : Buffer.concat([this.#unread, data])
    while (this.#step());
  }

  /** False when more has to come first. */
  #step(): boolean {
    if (this.#expects === 'body' || this.#expects === 'chunk') return this.#skip()
    const line = this.#expects === 'head' ? this.#until('\r\n\r\n') : this.#until('\r\n')
    if (line === undefined) return false
    if (this.#expects === 'head') this.#begin(line)
    else if (this.#expects === 'end') this.#finish()
    else this.#beginChunk(Number.parseInt(line, 16))
    return true
  }

  #until(mark: string): string | undefined {
    const at = this.#unread.indexOf(mark)
    if (at < 0) return undefined
    const line = this.#unread.toString('latin1', 0, at)
    this.#unread = this.#unread.subarray(at + mark.length)
    return line
  }

  #begin(head: string): void {
    const field = (name: RegExp) => name.exec(head)?.[1]
    const index = Number(field(/^x-consul-index: (\d+)/im) ?? 0)
    this.#answer = { status: Number(head.slice(9, 12)), index, bytes: 0 }
    this.#left = Number(field(/^content-length: (\d+)/im) ?? 0)
    this.#expects = /^transfer-encoding: chunked/im.test(head) ? 'size' : 'body'
  }

  #beginChunk(bytes: number): void {
    this.#left = bytes + 2
    this.#expects = bytes === 0 ? 'end' : 'chunk'
  }

  #skip(): boolean {
    const bytes = Math.min(this.#left, this.#unread.length)
    this.#unread = this.#unread.subarray(bytes)
    this.#left -= bytes
    this.#answer.bytes += bytes
    if (this.#left > 0) return false
    if (this.#expects === 'chunk') this.#expects = 'size'
    else this.#finish()
    return this.#unread.length > 0
  }

  #finish(): void {
    this.#expects = 'head'
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve(this.#answer)
  }
}
