/** Drives one case against a server and says what went wrong, or undefined. */
import { isDeepStrictEqual } from 'node:util'
import { type Forwarded, HOST, type RequestCase, type ResponseCase } from './contract.ts'
import { drive, type Heard } from './drive.ts'
import { type Field, type Read, type Response, readResponses, valuesOf } from './judge/reader.ts'
import type { Arrived, Recorder } from './recorder.ts'

/** Written by the gateway: exactly once each, whatever the client sends. */
const OWN = new Set([
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
  'x-request-id',
  'traceparent',
  'x-skein-deadline-ms',
  'x-skein-attempt',
])
/** Of the next connection only. */
const HOP = new Set(['content-length', 'transfer-encoding', 'connection'])

/** Who has said nothing for so long has said all. */
const QUIET_MS = 100

export interface Checked {
  readonly fault: string | undefined
  /** What arrived behind the server. */
  readonly arrived: readonly Arrived[]
}

/** A case against the gateway on `port`, behind which stands `recorder`. */
export async function checkForwarding(one: RequestCase, port: number, recorder: Recorder): Promise<Checked> {
  const { forward = [], refuse, mayGoOn, drop } = one
  const methods = forward.map(({ method }) => method)
  const lasts = (refuse !== undefined && !mayGoOn) || drop
  const answers = forward.length + (refuse === undefined ? 0 : 1)
  const enough = (text: string) => finals(text, methods, false).length >= answers
  const heard = await drive(port, one.bytes, lasts ? { end: one.end } : { end: one.end, enough })
  try {
    const arrived = recorder.take()
    return { arrived, fault: forwardedWrong(arrived, forward) ?? heardWrong(one, heard, methods) }
  } catch (error) {
    return { arrived: [], fault: `behind the gateway: ${(error as Error).message}` }
  }
}

/** A case against any server that shall refuse it; `calls` says how many requests its application has seen. */
export async function checkRefusal(one: RequestCase, port: number, calls: () => number): Promise<string | undefined> {
  const before = calls()
  const { text, ended } = await drive(port, one.bytes, { end: one.end })
  if (calls() !== before) return `${calls() - before} requests reached the application`
  const statuses = finals(text, [], ended === 'end').map(({ status }) => status)
  if (statuses.length !== 1 || statuses[0]! < 400 || statuses[0]! > 499)
    return `statuses ${statuses || 'none'}, ${ended}`
  return ended === 'open' ? 'the connection stays open' : undefined
}

/** A case that is all well-formed, against any server: each request gets one whole answer, or the last said that it is the last. */
export async function checkAnswered(one: RequestCase, port: number): Promise<string | undefined> {
  const methods = one.forward!.map(({ method }) => method)
  const { text, ended } = await drive(port, one.bytes, { end: one.end, quietMs: QUIET_MS })
  const answers = finals(text, methods, ended === 'end')
  const statuses = answers.map(({ status }) => status)
  const isLast = valuesOf(answers.at(-1)?.fields ?? [], 'connection').includes('close')
  if (answers.length > methods.length || (answers.length < methods.length && !isLast))
    return `${answers.length} answers to ${methods.length} requests: ${statuses}`
  return statuses.every((status) => status < 500) ? undefined : `statuses ${statuses}`
}

export function forwardedWrong(arrived: readonly Arrived[], forward: readonly Forwarded[]): string | undefined {
  if (arrived.length !== forward.length) {
    return `${arrived.length} requests arrived, not ${forward.length}: ${JSON.stringify(arrived.map(({ bytes }) => bytes)).slice(0, 1500)}`
  }
  for (const [i, request] of arrived.entries()) {
    const wrong = differs(request, forward[i]!)
    if (wrong !== undefined) return `request ${i + 1} arrived with ${wrong}`
  }
  return undefined
}

function differs(
  request: Arrived,
  { method, target, body = '', fields = [['host', HOST]] }: Forwarded,
): string | undefined {
  const kept = request.fields.filter(([name]) => !OWN.has(name) && !HOP.has(name))
  if (request.method !== method) return `method ${request.method}`
  if (request.target !== target) return `target ${request.target}`
  if (request.body !== body) return `body ${JSON.stringify(request.body).slice(0, 500)}`
  if (request.trailers.length > 0) return `trailers ${JSON.stringify(request.trailers)}`
  if (!isDeepStrictEqual(sorted(kept), sorted(fields))) return `fields ${JSON.stringify(kept).slice(0, 1000)}`
  return ownWrong(request.fields, valuesOf(fields, 'host')[0]!)
}

/** Order counts among fields of one name only. */
const sorted = (fields: readonly Field[]) => fields.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

function ownWrong(fields: readonly Field[], host: string): string | undefined {
  const expected: Readonly<Record<string, string>> = {
    'x-forwarded-for': '127.0.0.1',
    'x-real-ip': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': host,
  }
  for (const name of OWN) {
    const values = valuesOf(fields, name)
    if (values.length > 1) return `${name} ${values.length} times`
    if (expected[name] !== undefined && values[0] !== expected[name]) return `${name}: ${values[0]}`
  }
  return undefined
}

function heardWrong(one: RequestCase, { text, ended }: Heard, methods: readonly string[]): string | undefined {
  const { forward = [], refuse, mayGoOn, drop } = one
  const statuses = finals(text, methods, ended === 'end').map(({ status }) => status)
  const good = forward.map(() => 200)
  if (drop) {
    if (ended === 'open') return `the connection stays open; heard ${text}`
    const more = statuses.slice(good.length)
    const fits = isDeepStrictEqual(statuses.slice(0, good.length), good) && more.every((status) => status >= 400)
    return fits && more.length <= 1 ? undefined : `statuses ${statuses}`
  }
  const wanted = refuse === undefined ? good : [...good, refuse]
  if (!isDeepStrictEqual(statuses, wanted))
    return `statuses ${statuses || 'none'}, ${ended}; heard ${JSON.stringify(text.slice(0, 300))}`
  return refuse !== undefined && !mayGoOn && ended === 'open' ? 'the connection stays open' : undefined
}

/** Answers that are whole and not interim. */
function finals(text: string, methods: readonly string[], ended: boolean): Response[] {
  return readResponses(text, methods, ended).messages.filter(({ status }) => status >= 200)
}

/** A response case: `path` leads to the upstream that says the case's bytes, and with `?again` answers well. */
export async function checkResponse(
  one: ResponseCase,
  path: string,
  port: number,
  recorder: Recorder,
): Promise<string | undefined> {
  const method = one.method ?? 'GET'
  const read = (text: string, ended: boolean) => readResponses(text, [method], ended)
  const enough = (text: string) => wholeIn(() => read(text, false)) !== undefined
  const heard = await drive(port, `${method} ${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, { enough })
  const wrong = answerWrong(one, heard, read(heard.text, heard.ended === 'end'))
  if (wrong !== undefined) return `${wrong}; heard ${JSON.stringify(heard.text.slice(0, 400))}`
  const again = await drive(port, `GET ${path}?again HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, {
    enough: (text) => wholeIn(() => readResponses(text, ['GET'], false)) !== undefined,
  })
  const next = wholeIn(() => readResponses(again.text, ['GET'], again.ended === 'end'))
  if (next?.body !== 'again') return `the next request was answered with ${JSON.stringify(again.text.slice(0, 400))}`
  const [first, second] = recorder.take().map(({ connection }) => connection)
  const reused = first === second
  if (reused !== (one.reusable ?? false))
    return reused ? 'the connection was used again' : 'the connection was not kept'
  return undefined
}

const wholeIn = (read: () => Read<Response>) => read().messages.find(({ status }) => status >= 200)

function answerWrong({ expect }: ResponseCase, { ended }: Heard, { messages }: Read<Response>): string | undefined {
  const answer = messages.find(({ status }) => status >= 200)
  if (expect === 'cut') {
    if (answer !== undefined && answer.status < 500) return 'a broken body was given out as whole'
    return answer === undefined && ended === 'open' ? 'the client is left waiting' : undefined
  }
  if (answer === undefined) return `no whole answer, ${ended}`
  if (answer.status !== expect.status) return `status ${answer.status}`
  if (expect.body !== undefined && answer.body !== expect.body) return 'another body'
  for (const [name, value] of Object.entries(expect.fields ?? {})) {
    if ((valuesOf(answer.fields, name)[0] ?? null) !== value) return `${name}: ${valuesOf(answer.fields, name)}`
  }
  return undefined
}
