/** Heads that Node accepts and a careful server does not: too many fields, two hosts, codings that others read differently. */
import { SkeinError } from '../../core/errors.ts'
import type { Exchange, ServiceStep } from '../exchange.ts'

const HEADERS_MAX = 100
const TARGET_MAX = 8_192

export const limits: ServiceStep = async (exchange, next) => {
  checkHead(exchange)
  return next()
}

function checkHead({ request }: Exchange): void {
  const { rawHeaders } = request
  if (rawHeaders.length > 2 * HEADERS_MAX) {
    throw new SkeinError('HEADERS_TOO_LARGE', `more than ${HEADERS_MAX} header fields`)
  }
  if ((request.url?.length ?? 0) > TARGET_MAX) {
    throw new SkeinError('URI_TOO_LONG', `path and query are longer than ${TARGET_MAX} bytes`)
  }
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (name === 'host') hosts++
    if (name === 'transfer-encoding') checkCoding(rawHeaders[i + 1]!, request.httpVersion)
  }
  if (hosts > 1) throw new SkeinError('BAD_REQUEST', 'more than one Host')
  if (hosts === 0 && request.httpVersion === '1.1') throw new SkeinError('BAD_REQUEST', 'no Host')
}

/** Node lets `gzip, chunked` through, and chunked in HTTP/1.0. */
function checkCoding(value: string, version: string): void {
  if (value.trim().toLowerCase() !== 'chunked' || version !== '1.1') {
    throw new SkeinError('BAD_REQUEST', `transfer coding ${value} in HTTP/${version}`)
  }
}
