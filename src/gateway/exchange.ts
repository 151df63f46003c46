/** One request on its way through the gateway: what came in, what the steps found out, what went back. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Attempt, Body, Caller } from '../client/contract.ts'
import { plainAddress } from '../core/address.ts'
import type { Clock } from '../core/clock.ts'
import type { SkeinError } from '../core/errors.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { TraceContext } from '../telemetry/trace.ts'
import { FieldEdits } from './field-edits.ts'
import type { Origin } from './forwarded.ts'
import type { RequestHead } from './head.ts'
import type { GatewayLimits } from './limits.ts'
import type { GatewayMetrics } from './metrics.ts'
import type { GatewayRoute, GatewaySnapshot } from './snapshot.ts'
import type { Target } from './target.ts'

/** What steps work with: the same for every request. */
export interface Parts {
  readonly caller: Caller
  readonly clock: Clock
  readonly limits: GatewayLimits
  readonly log: Logger
  readonly metrics: GatewayMetrics
  readonly random: Random
}

/** A client's connection, over all its requests. */
export class Connection {
  readonly socket: Socket
  readonly ip: string
  readonly port: number
  readonly localPort: number
  /** Requests whose answer is not complete; more than one when the client pipelines. */
  readonly exchanges = new Set<Exchange>()
  /** Settles with the newest of them. */
  last: Promise<void> | undefined
  /** True once a request was refused: what follows it on the same connection is not looked at. */
  refused = false

  constructor(socket: Socket) {
    this.socket = socket
    this.ip = plainAddress(socket.remoteAddress ?? '')
    this.port = socket.remotePort ?? 0
    this.localPort = socket.localPort ?? 0
  }
}

/** The client's half of an upgrade: its socket, and the bytes that came behind the head. */
export interface Upgrade {
  readonly socket: Socket
  readonly head: Buffer
}

/** An answer of the gateway's own. Fields without framing. */
export interface Reply {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string
}

export interface Identity {
  /** Unique among those who may come in. */
  readonly subject: string
}

export class Exchange {
  readonly connection: Connection
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly upgrade: Upgrade | undefined
  readonly snapshot: GatewaySnapshot
  readonly head: RequestHead
  /** Monotonic ms. */
  readonly startedAt: number
  /** True once the gateway is closing: connections end with their answer. */
  readonly draining: () => boolean
  readonly #abort = new AbortController()
  #requestEdits: FieldEdits | undefined
  #answerEdits: FieldEdits | undefined

  // Set by the steps, in this order.
  requestId = ''
  trace: TraceContext | undefined
  origin: Origin | undefined
  target: Target | undefined
  route: GatewayRoute | undefined
  params: Readonly<Record<string, string>> = {}
  /** Who the client has proved to be. */
  identity: Identity | undefined
  /** Where the request goes: the route's service, unless a step chose another. */
  service: string | undefined
  body: Body | undefined
  bodyLength: number | undefined
  /** True once the client may send its body. */
  continued = false

  /** Path of the request as the upstream gets it, where it is not the target's. */
  upstreamPath: string | undefined
  /** Host as the upstream gets it, where it is neither the client's nor the instance's own. */
  upstreamHost: string | undefined
  /** The answer, where a step gives one in place of the upstream. */
  reply: Reply | undefined

  // What came of it.
  status = 0
  bytes = 0
  instance: string | undefined
  attempts: readonly Attempt[] = []
  error: SkeinError | undefined

  constructor(options: {
    connection: Connection
    incoming: IncomingMessage
    outgoing: ServerResponse
    upgrade: Upgrade | undefined
    snapshot: GatewaySnapshot
    startedAt: number
    draining: () => boolean
  }) {
    this.connection = options.connection
    this.incoming = options.incoming
    this.outgoing = options.outgoing
    this.upgrade = options.upgrade
    this.snapshot = options.snapshot
    this.startedAt = options.startedAt
    this.draining = options.draining
    const { method, url, httpVersion, rawHeaders } = options.incoming
    this.head = { method: method ?? '', target: url ?? '', version: httpVersion, headers: rawHeaders }
  }

  /** Changes to the request's fields on their way to the upstream. */
  get requestEdits(): FieldEdits {
    this.#requestEdits ??= new FieldEdits()
    return this.#requestEdits
  }

  /** Changes to the fields of the answer, whoever gives it. */
  get answerEdits(): FieldEdits {
    this.#answerEdits ??= new FieldEdits()
    return this.#answerEdits
  }

  editedRequest(fields: string[]): string[] {
    return this.#requestEdits?.apply(fields) ?? fields
  }

  editedAnswer(fields: string[]): string[] {
    return this.#answerEdits?.apply(fields) ?? fields
  }

  /** Aborted when the client has gone or its request turned out to be bad: nobody wants the answer. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Ends the exchange from outside its steps. The first reason counts. */
  fail(error: SkeinError): void {
    this.#abort.abort(error)
  }

  /** Why `fail` was called, or undefined. */
  get failure(): SkeinError | undefined {
    return this.#abort.signal.reason
  }
}
