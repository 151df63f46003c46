/**
 * Asks a service of the user's own whether a request may come in. 2xx is a yes; what else it answers, a redirect to a login or a
 * refusal, is the client's answer. When it fails or cannot be asked, nobody comes in.
 */
import type { OutboundResponse } from '../../client/contract.ts'
import { cookiesBut } from '../../core/cookie.ts'
import { SkeinError } from '../../core/errors.ts'
import { header, headerValues } from '../../core/headers.ts'
import { discard } from '../discard.ts'
import { responseHeaders } from '../end-to-end.ts'
import type { FieldEdits } from '../field-edits.ts'
import type { ForwardAuthConfig } from '../rule/auth.ts'
import type { Authenticator, AuthParts, AuthReply, AuthRequest, Decision } from './contract.ts'
import { Verdicts } from './verdicts.ts'

const TIMEOUT_MS = 2_000
const SUBJECT = 'x-auth-subject'
const CREDENTIALS: readonly string[] = ['authorization', 'cookie']
/** Of an answer that is the client's. */
const REPLY_MAX = 256 * 1024

/** Fields of a yes that the upstream gets, flat; and who it is, where that is said. */
interface Yes {
  readonly fields: readonly string[]
  readonly subject: string | undefined
}

class Refusal extends Error {
  readonly reply: AuthReply

  constructor(reply: AuthReply) {
    super('refused')
    this.reply = reply
  }
}

export class ForwardAuth implements Authenticator {
  readonly scheme = 'Bearer'
  readonly ownFields: readonly string[]
  readonly #config: ForwardAuthConfig
  readonly #sent: readonly string[]
  readonly #parts: AuthParts
  readonly #verdicts: Verdicts<Yes>

  constructor(config: ForwardAuthConfig, parts: AuthParts) {
    this.#config = config
    this.#parts = parts
    this.#sent = (config.send ?? CREDENTIALS).map((name) => name.toLowerCase())
    this.ownFields = [SUBJECT, ...(config.forward ?? []).map((name) => name.toLowerCase())]
    this.#verdicts = new Verdicts((config.cache?.seconds ?? 0) * 1000)
  }

  async decide(request: AuthRequest, edits: FieldEdits): Promise<Decision> {
    try {
      const { fields, subject } = await this.#answer(request)
      for (let i = 0; i < fields.length; i += 2) edits.put(fields[i]!, fields[i + 1]!)
      return { identity: subject === undefined ? undefined : { subject: `auth:${subject}`, name: subject } }
    } catch (error) {
      if (error instanceof Refusal) return { reply: error.reply }
      throw error
    }
  }

  #answer(request: AuthRequest): Promise<Yes> {
    const { cache } = this.#config
    if (cache === undefined) return this.#ask(request)
    const judge = async () => ({ verdict: await this.#ask(request), validUntil: Number.POSITIVE_INFINITY })
    return this.#verdicts.of(this.#keyOf(request), this.#parts.clock.now(), judge)
  }

  /** All that the answer may depend on. */
  #keyOf(request: AuthRequest): string {
    const { method, target, forwarded } = request
    const shown = this.#sent.map((name) => shownAs(name, request))
    return JSON.stringify(this.#config.cache?.by === 'credentials' ? shown : [shown, method, target, forwarded])
  }

  async #ask(request: AuthRequest): Promise<Yes> {
    const { to, path = '/', timeoutMs = TIMEOUT_MS } = this.#config
    const answer = await request.asPartOf(() =>
      this.#parts.caller.request({
        service: to,
        method: 'GET',
        path,
        headers: this.#headersFor(request),
        policy: { deadlineMs: timeoutMs },
        operation: 'forward-auth',
        signal: request.signal,
      }),
    )
    if (answer.status < 200 || answer.status > 299) throw await refusalBy(answer, to)
    discard(answer.source, this.#parts.clock)
    return this.#yes(answer)
  }

  #headersFor(request: AuthRequest): string[] {
    const { method, target, forwarded } = request
    const shown = this.#sent.flatMap((name) => shownAs(name, request).flatMap((value) => [name, value]))
    return [...shown, ...forwarded, 'x-forwarded-method', method, 'x-forwarded-uri', target]
  }

  #yes({ headers }: OutboundResponse): Yes {
    const fields = this.ownFields.flatMap((name) => headerValues(headers, name).flatMap((value) => [name, value]))
    return { fields, subject: header(headers, SUBJECT) || undefined }
  }
}

/** What the client says under this name, but for sessions. */
function shownAs(name: string, { headers, hides }: AuthRequest): string[] {
  const others = name === 'cookie' ? cookiesBut(headers, hides) : undefined
  if (others === undefined) return headerValues(headers, name)
  return others === '' ? [] : [others]
}

async function refusalBy(answer: OutboundResponse, service: string): Promise<Error> {
  const { status, headers } = answer
  if (status < 300 || status > 499) {
    answer.source.drop(new Error('the answer is no decision'))
    const message = `service "${service}" was asked who this is and answered ${status}`
    return new SkeinError('UPSTREAM_FAILED', message, { reason: 'forward_auth', service })
  }
  const fields = responseHeaders(headers)
  const kept: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.toLowerCase() !== 'content-length') kept.push(fields[i]!, fields[i + 1]!)
  }
  return new Refusal({ status, headers: kept, body: await bounded(answer) })
}

async function bounded({ body }: OutboundResponse): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of body) {
    total += (chunk as Uint8Array).length
    if (total > REPLY_MAX)
      throw new SkeinError('UPSTREAM_FAILED', 'the refusal is too long', { reason: 'forward_auth' })
    chunks.push(chunk as Uint8Array)
  }
  return Buffer.concat(chunks)
}
