/** The id under which logs of all services speak of one request. */
import { header, type RawHeaders } from '../core/headers.ts'
import { newUuid } from './ids.ts'

/** What may stand in a log line and in a header as it is; base64 and UUIDs are within it. */
const WELL_FORMED = /^[\w.:+/=-]{1,128}$/

/** The sender's `x-request-id` where it is well-formed, else a new one. */
export function requestIdOf(headers: RawHeaders): string {
  const given = header(headers, 'x-request-id')
  return given !== undefined && WELL_FORMED.test(given) ? given : newUuid()
}
