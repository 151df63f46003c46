/** node:http with strict limits, for apps that want its objects; what it refuses by itself is answered in Skein's form. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ERROR_HEADER } from '../../client/headers.ts'
import { boundConnections } from '../../core/crowd.ts'
import { affordableConnections } from '../../core/descriptors.ts'
import { type ErrorCode, SkeinError } from '../../core/errors.ts'
import { REQUEST_TIMEOUT_MS } from '../body.ts'
import type { ServerParts, ServiceServer } from './contract.ts'
import { NodeInbound } from './node-inbound.ts'

const LIMITS = {
  /** Slow heads (slow loris), ms. */
  headersTimeout: 10_000,
  /** How often the two times are looked at, ms; Node's 30 s would make 10 s into 40. */
  connectionsCheckingInterval: 2_000,
  /** Bytes of head. */
  maxHeaderSize: 16_384,
  /** Silence after which a kept connection is closed, ms; Skein's client closes its side after 4 s, so it seldom meets this. */
  keepAliveTimeout: 5_000,
  // Checked by the pipeline, which says what is wrong; Node's own refusal is an empty 400.
  requireHostHeader: false,
} as const

export function nodeServer({ app, host, onRequest }: ServerParts): ServiceServer {
  const server = createServer({ ...LIMITS, requestTimeout: app.requestTimeoutMs ?? REQUEST_TIMEOUT_MS })
  // Fields are counted by the pipeline, on the raw list; Node would drop what is above its own limit in silence.
  server.maxHeadersCount = 0
  const answers = new OpenAnswers()
  const { upgrade } = app

  server.on('connection', (socket: Socket) =>
    socket.on('error', (err) => host.log.debug({ err }, 'a connection failed')),
  )
  server.on('clientError', (cause: NodeJS.ErrnoException, socket) => refuse(cause, socket, answers.of(socket)))
  // No file descriptors left, say: the connections that are open go on.
  server.once('listening', () => server.on('error', (err) => host.log.error({ err }, 'could not accept a connection')))
  if (upgrade !== undefined)
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', (err) => host.log.debug({ err }, 'an upgraded connection failed'))
      upgrade(request, socket, head)
    })
  boundConnections(server, affordableConnections(2))
  server.on('request', (request, response) => {
    answers.add(request.socket, response)
    onRequest(new NodeInbound(request, response))
  })
  return {
    listen: (port, address) => listen(server, port, address),
    stopAccepting: () => void server.close(),
    destroy: () => server.closeAllConnections(),
  }
}

/** The answers that a connection still owes; more than one when the client pipelines. */
class OpenAnswers {
  readonly #bySocket = new WeakMap<Duplex, Set<ServerResponse>>()

  of(socket: Duplex): ReadonlySet<ServerResponse> {
    return this.#bySocket.get(socket) ?? new Set()
  }

  add(socket: Duplex, answer: ServerResponse): void {
    const open = this.#bySocket.get(socket) ?? new Set()
    this.#bySocket.set(socket, open.add(answer))
    answer.once('close', () => open.delete(answer))
  }
}

const REFUSALS: Readonly<Record<string, [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', `the head is larger than ${LIMITS.maxHeaderSize} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'the request did not arrive in time'],
}

/**
 * Node found no request in what came: one answer, and the connection is over. Where an answer is under way, or owed to a
 * whole request before this one, ours would be read as its text: then the connection only ends.
 */
function refuse(cause: NodeJS.ErrnoException, socket: Duplex, open: ReadonlySet<ServerResponse>): void {
  const isTaken = [...open].some((answer) => answer.headersSent || answer.req.complete)
  if (isTaken || !socket.writable || cause.code === 'ECONNRESET') return void socket.destroy()
  const [code, message] = REFUSALS[cause.code ?? ''] ?? ['BAD_REQUEST', 'not a well-formed HTTP/1.1 request']
  const error = new SkeinError(code, message)
  const body = JSON.stringify(error.toBody())
  socket.end(
    `HTTP/1.1 ${error.kind.status} Refused\r\ncontent-type: application/json\r\n${ERROR_HEADER}: ${code}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}

/** @throws the server's error, such as EADDRINUSE, with host and port in its message. */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}
