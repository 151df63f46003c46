/**
 * An etcd cluster through the JSON gateway that each member serves beside gRPC. One endpoint is used until it fails, then
 * the next. Not chosen: gRPC, which would cost a dependency and buy only speed that a registry does not need.
 */
import { Agent, request } from 'undici'
import { type Clock, sleep, type Timer } from '../../../core/clock.ts'
import { type EtcdAccess, readTlsFiles, tlsConnector } from './access.ts'
import {
  type Commit,
  type Committed,
  type Etcd,
  EtcdError,
  type KeyValue,
  type Listing,
  type WatchMessage,
} from './contract.ts'
import * as codec from './gateway-json.ts'
import { JsonLines } from './json-lines.ts'
import { listAll } from './listing.ts'
import { Login } from './login.ts'

export interface GatewayOptions {
  /** `http://127.0.0.1:2379`; at least one. */
  readonly endpoints: readonly string[]
  readonly access?: EtcdAccess | undefined
  readonly clock: Clock
}

/** A member that does not answer within this is left for the next one. What it sent to a leader that died is lost meanwhile. */
const ATTEMPT_MS = 1500
/** How long a call outlasts failing members: a leader is elected within one to two seconds. */
const PATIENCE_MS = 5000
const PAUSE_MS = 100
/** No write has it: a condition that never holds, in a transaction that has to be agreed on because it might. */
const IMPOSSIBLE = Number.MAX_SAFE_INTEGER

export class EtcdGateway implements Etcd {
  readonly #endpoints: readonly string[]
  readonly #clock: Clock
  readonly #agent: Agent
  readonly #login: Login
  readonly #closed = new AbortController()
  #current = 0
  #away = false

  /** @throws SkeinError STORAGE_FAILED naming a certificate's file that cannot be read. */
  constructor({ endpoints, clock, access = {} }: GatewayOptions) {
    this.#endpoints = endpoints
    this.#clock = clock
    this.#login = new Login(access)
    const { tls } = access
    if (tls !== undefined) readTlsFiles(tls) // a wrong path is known now, not when the first call has waited
    this.#agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, ...(tls && { connect: tlsConnector(tls) }) })
  }

  get away(): boolean {
    return this.#away
  }

  async get(key: string): Promise<KeyValue | undefined> {
    const { kvs = [] } = await this.#call<codec.JsonRange>('kv/range', { key: codec.encodeText(key) })
    return kvs[0] === undefined ? undefined : codec.keyValue(kvs[0])
  }

  async confirm(key: string): Promise<KeyValue | undefined> {
    const refused = await this.commit({ key, revision: IMPOSSIBLE, operations: [{ put: key, value: '' }] })
    return refused.succeeded ? undefined : refused.found
  }

  list(prefix: string): Promise<Listing> {
    return listAll(prefix, (body) => this.#call<codec.JsonRange>('kv/range', body))
  }

  async commit(commit: Commit): Promise<Committed> {
    return codec.committed(await this.#call<codec.JsonTxn>('kv/txn', codec.commitBody(commit)))
  }

  async put(key: string, value: string, lease: string): Promise<void> {
    await this.#call('kv/put', { key: codec.encodeText(key), value: codec.encodeText(value), lease })
  }

  async grant(seconds: number, id?: string): Promise<string> {
    try {
      const { ID } = await this.#call<{ ID: string }>('lease/grant', { TTL: String(seconds), ...(id && { ID: id }) })
      return ID
    } catch (error) {
      if (id !== undefined && codec.saysLeaseExists(error) && (await this.keepAlive(id))) return id
      throw error
    }
  }

  /** An unknown lease is answered 200 without a TTL. */
  async keepAlive(lease: string): Promise<boolean> {
    const { result } = await this.#call<{ result?: { TTL?: string } }>('lease/keepalive', { ID: lease })
    return codec.number(result?.TTL) > 0
  }

  async revoke(lease: string): Promise<void> {
    await this.#call('lease/revoke', { ID: lease })
  }

  watch(
    prefix: string,
    revision: number,
    onMessage: (message: WatchMessage) => void,
    onEnd: (reason: string) => void,
  ): () => void {
    const stop = new AbortController()
    const end = (reason: string) => {
      if (stop.signal.aborted) return
      stop.abort(new Error(reason))
      onEnd(reason)
    }
    this.#watch(prefix, revision, AbortSignal.any([stop.signal, this.#closed.signal]), onMessage).then(end, (error) =>
      end(reasonOf(error)),
    )
    return () => stop.abort(new Error('stopped'))
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error('closed'))
    await this.#agent.destroy()
  }

  /** Resolves with the reason for which etcd ended the watch. */
  async #watch(
    prefix: string,
    revision: number,
    signal: AbortSignal,
    onMessage: (message: WatchMessage) => void,
  ): Promise<string> {
    const create_request = {
      key: codec.encodeText(prefix),
      range_end: codec.prefixEnd(prefix),
      start_revision: String(revision),
      progress_notify: true,
    }
    const { body } = await this.#loggedIn(signal, (token) => this.#send('watch', { create_request }, signal, token))
    const lines = new JsonLines()
    for await (const chunk of body) {
      for (const line of lines.push(chunk)) {
        const ended = takeLine(line as codec.JsonWatch, onMessage)
        if (ended !== undefined) return ended
      }
    }
    return 'the connection was closed'
  }

  /** Endpoint after endpoint until one answers. Once all have failed, later calls try each only once: they fail quickly. */
  async #call<T>(path: string, body: unknown): Promise<T> {
    const end = this.#clock.monotonic() + (this.#away ? 0 : PATIENCE_MS)
    for (;;) {
      let failure: unknown
      for (let tried = 0; tried < this.#endpoints.length; tried++) {
        try {
          const answer = await this.#attempt(path, body)
          this.#away = false
          return answer as T
        } catch (error) {
          if (error instanceof EtcdError && error.fault !== 'unavailable') throw error
          failure = error
          this.#current = (this.#current + 1) % this.#endpoints.length
        }
      }
      this.#away = true
      if (this.#closed.signal.aborted || this.#clock.monotonic() >= end) throw this.#unavailable(failure)
      await sleep(PAUSE_MS, this.#clock)
    }
  }

  async #attempt(path: string, body: unknown): Promise<unknown> {
    const stop = new AbortController()
    const timer: Timer = this.#clock.after(ATTEMPT_MS, () => stop.abort(new Error(`no answer within ${ATTEMPT_MS} ms`)))
    try {
      const signal = AbortSignal.any([stop.signal, this.#closed.signal])
      return await this.#loggedIn(signal, async (token) => (await this.#send(path, body, signal, token)).body.json())
    } finally {
      timer.cancel()
    }
  }

  /** With a new login if etcd does not know the token any more. */
  async #loggedIn<T>(signal: AbortSignal, call: (token: string | undefined) => Promise<T>): Promise<T> {
    const login = () =>
      this.#login.token(async (path, body) => (await this.#send(path, body, signal, undefined)).body.json())
    try {
      return await call(await login())
    } catch (error) {
      if (!(error instanceof EtcdError) || error.fault !== 'no-login') throw error
      this.#login.forget()
      return call(await login())
    }
  }

  /** @throws EtcdError for an answer other than 200. */
  async #send(path: string, body: unknown, signal: AbortSignal, token: string | undefined) {
    const answer = await request(`${this.#endpoints[this.#current]}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: token }) },
      dispatcher: this.#agent,
      signal,
    })
    if (answer.statusCode !== 200) throw codec.etcdError(answer.statusCode, await answer.body.text())
    return answer
  }

  #unavailable(cause: unknown): EtcdError {
    return new EtcdError('unavailable', `${this.#endpoints.join(', ')}: ${reasonOf(cause)}`, cause)
  }
}

/** Hands on the message of a line, or says why the watch is over. */
function takeLine({ result, error }: codec.JsonWatch, onMessage: (message: WatchMessage) => void): string | undefined {
  if (result === undefined) return error?.message ?? 'an answer that is none of etcd'
  if (result.canceled === true) {
    if (result.compact_revision !== undefined) return `compacted up to revision ${result.compact_revision}`
    return result.cancel_reason ?? 'cancelled by etcd'
  }
  onMessage({ revision: codec.number(result.header?.revision), events: (result.events ?? []).map(codec.watchEvent) })
  return undefined
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: string }
  return error.message === '' && code !== undefined ? code : error.message
}
