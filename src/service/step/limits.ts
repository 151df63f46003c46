/** Heads that a server accepts and a careful one does not: too many fields, two hosts, codings that others read differently. */
import { SkeinError } from '../../core/errors.ts'
import type { Exchange, ServiceStep } from '../exchange.ts'

const HEADERS_MAX = 100
const TARGET_MAX = 8_192

export const limits: ServiceStep = (exchange, next) => {
  checkHead(exchange)
  return next(exchange)
}

function checkHead({ inbound }: Exchange): void {
  const { headers, version } = inbound
  if (headers.length > 2 * HEADERS_MAX) {
    throw new SkeinError('HEADERS_TOO_LARGE', `more than ${HEADERS_MAX} header fields`)
  }
  if (inbound.target.length > TARGET_MAX) {
    throw new SkeinError('URI_TOO_LONG', `path and query are longer than ${TARGET_MAX} bytes`)
  }
  let hosts = 0
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if (!CHECKED_LENGTHS.has(name.length)) continue
    const lower = name.toLowerCase()
    if (lower === 'host') hosts++
    else if (lower === 'transfer-encoding') checkCoding(headers[i + 1]!, version)
    else if (lower === 'expect') checkExpectation(headers[i + 1]!)
  }
  if (hosts > 1) throw new SkeinError('BAD_REQUEST', 'more than one Host')
  if (hosts === 0 && version === '1.1') throw new SkeinError('BAD_REQUEST', 'no Host')
}

/** A name of any other length is none of those that are looked at. */
const CHECKED_LENGTHS: ReadonlySet<number> = new Set(
  ['host', 'transfer-encoding', 'expect'].map(({ length }) => length),
)

/** Node lets `gzip, chunked` through, and chunked in HTTP/1.0. */
function checkCoding(value: string, version: string): void {
  if (value.trim().toLowerCase() !== 'chunked' || version !== '1.1') {
    throw new SkeinError('BAD_REQUEST', `transfer coding ${value} in HTTP/${version}`)
  }
}

function checkExpectation(value: string): void {
  if (value.toLowerCase() === '100-continue') return
  throw new SkeinError('EXPECTATION_FAILED', 'the only expectation is 100-continue')
}
