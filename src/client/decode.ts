/**
 * An HTTP answer as an operation's result: JSON of a 2xx, undefined where there is no content. A declared error is
 * `{ error: { code, message, …details } }` with its own status; one of Skein's carries the header `x-skein-error` as well.
 */
import { asBuffer } from '../core/bytes.ts'
import { ERRORS, type ErrorCode, SkeinError } from '../core/errors.ts'
import { header } from '../core/headers.ts'
import type { BodySource } from '../wire/body.ts'
import { readAll } from '../wire/incoming.ts'
import { CallError } from './call-error.ts'
import type { OutboundResponse } from './contract.ts'
import { ERROR_HEADER } from './headers.ts'

/** At once or as a promise. @throws CallError, SkeinError */
export function decodeAnswer(service: string, operation: string, response: OutboundResponse): unknown {
  const { source } = response
  if (source.complete) return decodeText(service, operation, response, wholeText(source))
  return readText(source).then((text) => decodeText(service, operation, response, text))
}

function wholeText(source: BodySource): string {
  const text = asBuffer(source.whole()).toString()
  source.loan?.()?.()
  return text
}

function decodeText(service: string, operation: string, response: OutboundResponse, text: string): unknown {
  const { status } = response
  if (status >= 200 && status < 300) return text === '' ? undefined : parseJson(service, operation, response, text)
  throw errorOf(service, operation, response, text)
}

/** @throws SkeinError UPSTREAM_FAILED when the body breaks off. */
async function readText(body: BodySource): Promise<string> {
  return (await readAll(body)).toString()
}

function parseJson(service: string, operation: string, response: OutboundResponse, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const message = `${service}.${operation}: ${response.instance.id} answered ${response.status} with what is no JSON`
    throw new SkeinError('UPSTREAM_FAILED', message, whereabouts(service, operation, response), cause)
  }
}

function errorOf(service: string, operation: string, response: OutboundResponse, text: string): Error {
  const { code, message, ...details } = errorBody(text)
  const said = typeof message === 'string' ? message : `status ${response.status}`
  const own = header(response.headers, ERROR_HEADER)
  const where = whereabouts(service, operation, response)
  if (own !== undefined) {
    return new SkeinError(isErrorCode(own) ? own : 'UPSTREAM_FAILED', said, { ...details, ...where })
  }
  if (typeof code === 'string') {
    const { status, attempts } = response
    return new CallError({
      service,
      operation,
      code,
      status,
      message: `${service}.${operation}: ${said}`,
      details,
      attempts,
    })
  }
  return new SkeinError(
    'UPSTREAM_FAILED',
    `${service}.${operation}: ${response.instance.id} answered ${response.status}`,
    {
      ...where,
      status: response.status,
    },
  )
}

function errorBody(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as { error?: unknown } | null
    return typeof value?.error === 'object' && value.error !== null ? { ...value.error } : {}
  } catch {
    // An error page of a proxy or of a server that is not Skein's: the status has to say it all.
    return {}
  }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

function whereabouts(service: string, operation: string, { instance, attempts }: OutboundResponse) {
  return { service, operation, instance: instance.id, attempts }
}
