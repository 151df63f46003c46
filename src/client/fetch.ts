/**
 * The fetch front: `fetch('http://users/…')` of an app that knows nothing of Skein goes through the caller. It stands at undici's
 * global dispatcher and not in place of `fetch`: below fetch, so that redirects, decompression, Headers, Request and
 * Response, streams and abort stay fetch's own; and so that undici's own `request` and `fetch` are covered as well. Node's
 * built-in fetch looks the dispatcher up under a registered symbol, in two versions (Node 24: `.1`, Node 26: `.2`);
 * undici's `setGlobalDispatcher` sets both. Price: the body of a fetch is a stream here, so once some of it was sent it is
 * not sent again, whatever it was made of.
 */
import { STATUS_CODES } from 'node:http'
import { type ParsedUrlQueryInput, stringify } from 'node:querystring'
import { Readable } from 'node:stream'
import { type Dispatcher, getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import { asBuffer } from '../core/bytes.ts'
import { Cancel } from '../core/cancel.ts'
import { SkeinError } from '../core/errors.ts'
import { header, type RawHeaders, toRawHeaders } from '../core/headers.ts'
import type { BodySource } from '../wire/body.ts'
import type { Body, Caller, OutboundResponse } from './contract.ts'

const SUFFIXES = ['.service.consul', '.skein']

/**
 * Sends every `http:` request without a port whose host is a single label (but `localhost`) or ends in `.service.consul` or
 * `.skein` through `caller`, and all others where they went before. Returns what undoes it.
 */
export function interceptFetch(caller: Caller): () => void {
  const before = getGlobalDispatcher()
  // False once undone: somebody may hold on to this dispatcher.
  let enabled = true
  const front = before.compose((dispatch) => (options, handler) => {
    const service = enabled && !options.upgrade ? serviceOf(options.origin) : undefined
    if (service === undefined) return dispatch(options, handler)
    void new FetchExchange(handler).run(caller, service, options)
    return true
  })
  setGlobalDispatcher(front)
  return () => {
    enabled = false
    if (getGlobalDispatcher() === front) setGlobalDispatcher(before)
  }
}

/** The service which an origin names, or undefined when it is no service. */
export function serviceOf(origin: string | URL | undefined): string | undefined {
  if (origin === undefined) return undefined
  const { protocol, hostname, port } = new URL(origin)
  if (protocol !== 'http:' || port !== '' || hostname === 'localhost' || hostname.startsWith('[')) return undefined
  const suffix = SUFFIXES.find((one) => hostname.endsWith(one))
  const name = suffix === undefined ? hostname : hostname.slice(0, -suffix.length)
  return name === '' || name.includes('.') ? undefined : name
}

/** One request: the caller on one side, undici's handler on the other. */
class FetchExchange implements Dispatcher.DispatchController {
  aborted = false
  paused = false
  reason: Error | null = null
  readonly #handler: Dispatcher.DispatchHandler
  readonly #stop = new Cancel()
  #headers: RawHeaders | undefined
  #source: BodySource | undefined

  constructor(handler: Dispatcher.DispatchHandler) {
    this.#handler = handler
  }

  async run(caller: Caller, service: string, options: Dispatcher.DispatchOptions): Promise<void> {
    try {
      this.#handler.onRequestStart?.(this, undefined)
      const headers = headersOf(options.headers)
      const length = header(headers, 'content-length')
      const response = await caller.request({
        service,
        method: options.method,
        path: pathOf(options),
        headers,
        body: bodyOf(options.body),
        bodyLength: length === undefined ? undefined : Number(length),
        idempotent: options.idempotent,
        signal: this.#stop,
      })
      await this.#deliver(response)
    } catch (error) {
      this.#source?.drop(error as Error)
      this.#handler.onResponseError?.(this, this.reason ?? (error as Error))
    }
  }

  abort(reason: Error): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#stop.cancel(new SkeinError('CANCELLED', 'the caller does not want the answer any more', {}, reason))
    this.#source?.drop(reason)
  }

  pause(): void {
    this.paused = true
    this.#source?.pause()
  }

  resume(): void {
    this.paused = false
    this.#source?.resume()
  }

  /** Made for those who ask: fetch does not. */
  get rawHeaders(): Buffer[] | null {
    return this.#headers?.map((part) => Buffer.from(part, 'latin1')) ?? null
  }

  /** Backpressure is passed on to the instance. */
  #deliver({ status, headers, source }: OutboundResponse): Promise<void> {
    this.#source = source
    this.#headers = headers
    return new Promise((resolve, reject) => {
      // What the handler throws is its own affair; out of an event it would end the process. It is told no more.
      const attempt = (act: () => void) => {
        try {
          act()
        } catch (error) {
          reject(error)
          source.drop(error as Error)
        }
      }
      this.#handler.onResponseStart?.(this, status, asObject(headers), STATUS_CODES[status] ?? '')
      if (this.paused) source.pause()
      source.read({
        chunk: (bytes) => attempt(() => this.#handler.onResponseData?.(this, asBuffer(bytes))),
        end: () => {
          attempt(() => this.#handler.onResponseEnd?.(this, {}))
          resolve()
        },
        fail: reject,
      })
    })
  }
}

/** A query comes by itself from undici's `request`, which lets its own connections put the two together. */
function pathOf({ path, query }: Dispatcher.DispatchOptions): string {
  const text = stringify(query as ParsedUrlQueryInput | undefined)
  return text === '' ? path : `${path}?${text}`
}

/** Headers come as a flat list, pairs or an object, depending on who dispatches. Host names the service, not an instance: it stays. */
function headersOf(headers: Dispatcher.DispatchOptions['headers']): string[] {
  if (headers === undefined || headers === null) return []
  if (Array.isArray(headers)) return headers.map(String)
  if (Symbol.iterator in headers) {
    const pairs = [...(headers as Iterable<[string, string | string[] | undefined]>)]
    return pairs.flatMap(([name, value]) => toRawHeaders({ [name]: value }))
  }
  return toRawHeaders(headers as Readonly<Record<string, string | string[] | undefined>>)
}

function bodyOf(body: unknown): Body | undefined {
  if (body === undefined || body === null) return undefined
  if (typeof body === 'string' || body instanceof Uint8Array || body instanceof Readable) return body
  if (typeof body === 'object' && (Symbol.asyncIterator in body || Symbol.iterator in body)) {
    return Readable.from(body as AsyncIterable<unknown>, { objectMode: false })
  }
  throw new TypeError('fetch to a service: the body must be a string, bytes, a stream or an iterable')
}

function asObject(headers: readonly string[]): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = {}
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase()
    const before = Object.hasOwn(object, name) ? object[name] : undefined
    object[name] =
      before === undefined ? headers[i + 1]! : [...(Array.isArray(before) ? before : [before]), headers[i + 1]!]
  }
  return object
}
