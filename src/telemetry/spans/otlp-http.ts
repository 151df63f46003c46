/** One request of OTLP/HTTP: a batch in, what the collector said of it out. */
import http from 'node:http'
import https from 'node:https'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Clock } from '../../core/clock.ts'
import type { TracingSettings } from './settings.ts'

/** `taken`: it is over, but for so many spans that were refused. `again`: worth another try, not before so many ms where it says so. */
export type Verdict =
  | { readonly kind: 'taken'; readonly refused: number; readonly message?: string | undefined }
  | { readonly kind: 'again'; readonly message: string; readonly afterMs?: number | undefined }
  | { readonly kind: 'refused'; readonly message: string }

export interface Collector {
  /** Never rejects. `signal` breaks it off. */
  post(body: string, timeoutMs: number, signal: AbortSignal): Promise<Verdict>
  close(): void
}

/** What is read of an answer; it is a sentence or two. */
const ANSWER_MAX = 64 * 1024
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])
const compressed = promisify(gzip)

export function collectorAt(settings: TracingSettings, clock: Clock): Collector {
  const { request, Agent } = settings.endpoint.protocol === 'https:' ? https : http
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ...settings.tls })
  return {
    async post(body, timeoutMs, signal) {
      const late = new AbortController()
      const timer = clock.after(timeoutMs, () => late.abort(new Error(`no answer in ${Math.ceil(timeoutMs)} ms`)))
      try {
        const bytes = settings.gzip ? await compressed(body) : Buffer.from(body)
        return verdictOf(await exchange(bytes, AbortSignal.any([signal, late.signal])), clock.now())
      } catch (error) {
        return { kind: 'again', message: (error as Error).message }
      } finally {
        timer.cancel()
      }
    },
    close: () => agent.destroy(),
  }

  function exchange(bytes: Buffer, signal: AbortSignal): Promise<Answer> {
    const headers = {
      ...{ 'user-agent': 'skein', ...settings.headers, 'content-type': 'application/json' },
      ...(settings.gzip && { 'content-encoding': 'gzip' }),
      'content-length': bytes.length,
    }
    return new Promise((resolve, reject) => {
      const sent = request(settings.endpoint, { method: 'POST', headers, agent, signal })
      // Node tells of an abort in its own words; why it was stands in the signal.
      const fail = (error: unknown) => reject(signal.aborted ? signal.reason : error)
      sent.on('response', (answer) => read(answer).then(resolve, fail))
      sent.on('error', fail)
      sent.end(bytes)
    })
  }
}

interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly text: string
}

async function read(answer: http.IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= ANSWER_MAX) chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  return { status: answer.statusCode!, retryAfter: answer.headers['retry-after'], text }
}

function verdictOf({ status, retryAfter, text }: Answer, now: number): Verdict {
  const said = jsonOf(text)
  if (status >= 200 && status < 300) {
    const { rejectedSpans, errorMessage } = objectIn(said, 'partialSuccess')
    return { kind: 'taken', refused: countOf(rejectedSpans), message: textOf(errorMessage) }
  }
  const message = `status ${status}${textOf(said['message']) ? `: ${said['message']}` : ''}`
  if (!RETRYABLE.has(status)) return { kind: 'refused', message }
  return { kind: 'again', message, afterMs: retryAfter === undefined ? undefined : waitOf(retryAfter, now) }
}

/** Seconds or a date (RFC 9110 §10.2.3); undefined where it is neither. */
function waitOf(retryAfter: string, now: number): number | undefined {
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1000
  const date = Date.parse(retryAfter)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

type Fields = Readonly<Record<string, unknown>>

/** Collectors answer JSON with JSON; what stands between may answer anything. */
function jsonOf(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Fields) : {}
  } catch {
    return {}
  }
}

function objectIn(fields: Fields, key: string): Fields {
  const value = fields[key]
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

/** A 64-bit integer: as a text, mostly. */
function countOf(value: unknown): number {
  const count = typeof value === 'string' ? Number(value) : value
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 0
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 500) : undefined
}
