/** The innermost part: input in, handler, output out. */
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { ERROR_HEADER } from '../../client/headers.ts'
import { runInContext } from '../../core/context.ts'
import { type ErrorCode, SkeinError } from '../../core/errors.ts'
import type { Exchange, Reply } from '../exchange.ts'
import type { Match } from '../find-operation.ts'
import { readInput } from '../input.ts'
import type { Prepared } from '../operation.ts'
import { RequestContext } from '../operation-context.ts'
import { jsonReply } from '../reply.ts'
import { issuesOf } from '../validate.ts'

/** What another service said of its own instance would mean this one here, and be tried again above as well. */
const OF_OTHERS: ReadonlyMap<string, ErrorCode> = new Map([
  ['SHUTTING_DOWN', 'UPSTREAM_FAILED'],
  ['OVERLOADED', 'UPSTREAM_OVERLOADED'],
])

const FRAMING = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade']

/** @throws whatever the handler throws; SkeinError INVALID_INPUT, INVALID_OUTPUT, DEADLINE_EXCEEDED, CANCELLED and those of the body. */
export async function handle(exchange: Exchange, { operation, params }: Match): Promise<Reply> {
  if (operation.timeoutMs !== undefined) exchange.limitTime(operation.timeoutMs)
  const input = await readInput(exchange, operation, params)
  const ctx = new RequestContext(exchange, operation)
  const result = await runInContext(exchange.callContext, () =>
    whileWanted(exchange, async () => operation.handler(input, ctx)),
  )
  if (result instanceof Response) return streamed(result)
  return whole(exchange, operation, result)
}

/** A handler that does not heed its signal is left behind; what it throws later is only logged. */
function whileWanted(exchange: Exchange, run: () => Promise<unknown>): Promise<unknown> {
  const { cancel } = exchange
  if (cancel.reason !== undefined) throw cancel.reason
  return new Promise((resolve, reject) => {
    const result = run()
    const forget = cancel.on((reason) => {
      exchange.leftBehind = result.catch(() => {})
      reject(reason)
    })
    result.then(
      (result) => {
        forget()
        resolve(result)
      },
      (error) => {
        forget()
        if (cancel.reason === undefined) reject(ownError(exchange, error))
        else logLate(exchange, error)
      },
    )
  })
}

/**
 * A failed call of the handler's, not caught: the caller learns that something behind this service failed, and whether
 * trying again may help. What that other service said about *its* caller (its input was wrong, say) is this handler's
 * fault and stays INTERNAL; its SHUTTING_DOWN would mean this instance here.
 */
function ownError({ host, requestId }: Exchange, error: unknown): unknown {
  if (!(error instanceof SkeinError)) return error
  if (error.kind.fault !== 'upstream') return new Error(`uncaught ${error.code}: ${error.message}`, { cause: error })
  host.log.warn({ err: error, details: error.details, requestId }, 'a call failed and the handler did not catch it')
  const message = NAMING_ADDRESSES.get(error.code) ?? error.message
  return new SkeinError(OF_OTHERS.get(error.code) ?? error.code, `${host.name}: ${message}`, {
    service: host.name,
    upstream: error.details['service'],
  })
}

/** Their messages name the registry's address, which is nobody's business behind a gateway; the log above has them. */
const NAMING_ADDRESSES: ReadonlyMap<ErrorCode, string> = new Map([
  ['REGISTRY_UNAVAILABLE', 'the registry does not say where a service is'],
  ['UNKNOWN_CONTRACT', 'the contract of a service is not known'],
])

function logLate({ host, requestId, operation }: Exchange, err: unknown): void {
  host.log.debug({ err, requestId, operation }, 'the handler failed after its answer was no longer wanted')
}

/** Framing is the connection's affair; and what `fetch` has decompressed is no longer as long, or coded, as its headers say. */
function streamed(response: Response): Reply {
  const dropped = response.url === '' ? FRAMING : [...FRAMING, 'content-encoding', 'content-length']
  const headers = [...response.headers].filter(([name]) => !dropped.includes(name)).flatMap(ofOthers)
  const body = response.body === null ? undefined : Readable.fromWeb(response.body as ReadableStream)
  return { status: response.status, headers, body }
}

/** Where the answer of another service is passed on. */
function ofOthers([name, value]: [string, string]): [string, string] {
  return [name, (name === ERROR_HEADER && OF_OTHERS.get(value)) || value]
}

async function whole(exchange: Exchange, operation: Prepared, result: unknown): Promise<Reply> {
  const value = operation.out === undefined ? result : await checkOutput(exchange, operation, result)
  if (value === undefined) return { status: 204, headers: [] }
  try {
    return jsonReply(200, value)
  } catch (error) {
    throw invalidOutput(exchange, operation, [{ path: '', message: (error as Error).message }])
  }
}

async function checkOutput(exchange: Exchange, operation: Prepared, result: unknown): Promise<unknown> {
  const checked = await operation.out!['~standard'].validate(result)
  if (checked.issues === undefined) return checked.value
  throw invalidOutput(exchange, operation, issuesOf(checked.issues))
}

/** The issues go to the log only: they may hold what the schema was there to keep back. */
function invalidOutput({ host, requestId }: Exchange, { name }: Prepared, issues: readonly object[]): SkeinError {
  host.log.error({ issues, requestId, operation: name }, 'the output schema refuses what the handler returned')
  return new SkeinError('INVALID_OUTPUT', `${host.name}.${name} returned what its output schema refuses`, {
    service: host.name,
  })
}
