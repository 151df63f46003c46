/** A request of node:http, as the kit's pipeline sees it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import type { RawHeaders } from '../../core/headers.ts'
import type { BodySource } from '../../wire/body.ts'
import { CHUNKED, type Framing } from '../../wire/contract.ts'
import { fromReadable } from '../../wire/incoming.ts'
import type { Inbound } from '../inbound.ts'

export class NodeInbound implements Inbound {
  readonly node: { readonly request: IncomingMessage; readonly response: ServerResponse }
  onOver: () => void = () => {}
  #last = false

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.node = { request, response }
    response.once('close', () => this.onOver())
  }

  get method(): string {
    return this.node.request.method ?? 'GET'
  }

  get target(): string {
    return this.node.request.url ?? '/'
  }

  get version(): string {
    return this.node.request.httpVersion
  }

  get headers(): RawHeaders {
    return this.node.request.rawHeaders
  }

  get framing(): Framing {
    const { headers } = this.node.request
    if (headers['transfer-encoding'] !== undefined) return CHUNKED
    return Number(headers['content-length'] ?? 0)
  }

  get complete(): boolean {
    return this.node.request.complete
  }

  get answered(): boolean {
    const { response } = this.node
    return response.destroyed || response.headersSent
  }

  get status(): number {
    return this.node.response.statusCode
  }

  get delivered(): boolean {
    return this.node.response.writableFinished
  }

  /** Node has told the client already that it may go on. */
  receive(): BodySource | undefined {
    return this.framing === 0 ? undefined : fromReadable(this.node.request)
  }

  closeAfter(): void {
    this.#last = true
  }

  send(status: number, fields: RawHeaders, body: string | undefined): void {
    const length = body === undefined ? [] : ['content-length', String(Buffer.byteLength(body))]
    this.#writeHead(status, [...fields, ...length]).end(body)
  }

  stream(status: number, fields: RawHeaders, source: Readable, onBroken: (error: Error) => void): void {
    const response = this.#writeHead(status, fields)
    // That the caller has gone breaks the source off, too; the access log tells.
    source.once('error', (error) => response.destroyed || onBroken(error))
    pipeline(source, response, () => {})
  }

  reset(): void {
    this.node.response.destroy()
  }

  /** Without what an adapted app had set before it failed: a length, coding or status line that is not of this answer. */
  #writeHead(status: number, fields: RawHeaders): ServerResponse {
    const { response } = this.node
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    response.statusMessage = ''
    return response.writeHead(status, this.#last ? [...fields, 'connection', 'close'] : [...fields])
  }
}
