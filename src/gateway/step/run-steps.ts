import type { Step } from '../../core/compose.ts'
import { SkeinError } from '../../core/errors.ts'
import { header } from '../../core/headers.ts'
import { responseHeaders } from '../end-to-end.ts'
import type { Exchange, Parts, Reply } from '../exchange.ts'
import type { FieldEdits } from '../field-edits.ts'
import { isFieldValue, nameProblem } from '../rule/header-edits.ts'
import type { CustomStep, StepRequest } from '../rule/steps.ts'
import { normaliseHost } from '../target.ts'

/** For one step, ms. What takes longer belongs into a service. */
const STEP_MS = 10_000

/** Runs the user's own steps, one after the other; the first that answers ends it. */
export function runSteps(parts: Parts): Step<Exchange, void> {
  return async (exchange, next) => {
    for (const step of exchange.route!.rules.steps) {
      exchange.reply = await inTime(step, exchange, parts)
      if (exchange.reply !== undefined) return
    }
    return next(exchange)
  }
}

/** A step that does not heed its signal is left behind. */
async function inTime(step: CustomStep, exchange: Exchange, { clock }: Parts): Promise<Reply | undefined> {
  const late = new AbortController()
  const over = Promise.withResolvers<never>()
  const timer = clock.after(STEP_MS, () => late.abort(tooSlow(step)))
  const signal = AbortSignal.any([exchange.signal, late.signal])
  const giveUp = () => over.reject(signal.reason)
  signal.addEventListener('abort', giveUp, { once: true })
  // The client may have gone before: then no event comes.
  if (signal.aborted) giveUp()
  try {
    return await Promise.race([answerOf(step, requestFor(exchange, signal)), over.promise])
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', giveUp)
  }
}

async function answerOf(step: CustomStep, request: StepRequest): Promise<Reply | undefined> {
  const answer = await step(request)
  return answer === undefined ? undefined : replyOf(answer as Response, request.signal)
}

function tooSlow({ name }: CustomStep): SkeinError {
  const message = `the gateway's step ${name || 'without a name'} took longer than ${STEP_MS} ms`
  return new SkeinError('DEADLINE_EXCEEDED', message, { reason: 'step_timeout' })
}

function requestFor(exchange: Exchange, signal: AbortSignal): StepRequest {
  const { head, target, params, origin, requestId, route, identity } = exchange
  return {
    method: head.method,
    path: target!.path,
    query: new URLSearchParams(target!.query),
    host: normaliseHost(header(head.headers, 'host')!),
    params,
    headers: { get: (name) => header(head.headers, name.toLowerCase()) },
    ip: origin!.ip,
    requestId,
    route: route!.name,
    subject: identity?.subject,
    signal,
    setHeader: (name, value) => put(exchange.requestEdits, name, value),
    removeHeader: (name) => exchange.requestEdits.remove(checked(name)),
    setAnswerHeader: (name, value) => put(exchange.answerEdits, name, value),
  }
}

function put(edits: FieldEdits, name: string, value: string): void {
  if (!isFieldValue(value)) throw new TypeError(`${name}: the value cannot stand in a header`)
  edits.replace(checked(name), value)
}

function checked(name: string): string {
  const problem = nameProblem(name)
  if (problem !== undefined) throw new TypeError(problem)
  return name.toLowerCase()
}

/** Framing is the gateway's, whatever the Response says. */
async function replyOf(answer: Response, signal: AbortSignal): Promise<Reply> {
  if (answer.status < 200) throw new TypeError('a step answered with Response.error(), which is no answer')
  const fields = responseHeaders([...answer.headers].flat())
  const headers: string[] = []
  // What comes from fetch has a URL, and a body that fetch has decoded.
  const untrue = answer.url === '' ? ['content-length'] : ['content-length', 'content-encoding']
  for (let i = 0; i < fields.length; i += 2) if (!untrue.includes(fields[i]!)) headers.push(fields[i]!, fields[i + 1]!)
  return { status: answer.status, headers, body: await bytesOf(answer, signal) }
}

/** Broken off with the signal: else one without an end would be read, and kept, for ever. */
async function bytesOf({ body }: Response, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  await body?.pipeTo(new WritableStream({ write: (chunk: Uint8Array) => void chunks.push(chunk) }), { signal })
  return Buffer.concat(chunks)
}
