import type { Step } from '../../core/compose.ts'
import { header, headerValues, type RawHeaders, withoutHeaders } from '../../core/headers.ts'
import { compressStream, compressWhole, wholeBody } from '../compress.ts'
import type { Exchange, UpstreamAnswer } from '../exchange.ts'
import { type Coding, type Compression, codingFor, isCompressible } from '../rule/compress.ts'

/** What a compressed body makes untrue. */
const CHANGED: ReadonlySet<string> = new Set([
  ...['accept-ranges', 'content-length', 'etag'],
  ...['content-digest', 'content-md5', 'digest', 'repr-digest'],
])

const TAG: ReadonlySet<string> = new Set(['etag'])

/** Compresses the upstream's answer where the client asks for it and it is worth it. */
export const compress: Step<Exchange, void> = (exchange, next) => {
  const rule = exchange.route!.rules.compress!
  exchange.filterAnswer((answer) => compressed(exchange, rule, answer))
  return next(exchange)
}

async function compressed({ head }: Exchange, rule: Compression, answer: UpstreamAnswer): Promise<UpstreamAnswer> {
  if (answer.status === 304) return { ...answer, headers: fieldsOfNotModified(head.headers, answer.headers) }
  if (!isCompressible(rule, answer.status, answer.headers)) return answer
  const coding = codingFor(headerValues(head.headers, 'accept-encoding').join(','), rule.codings)
  // Also where it stays as it is: another client may get it otherwise, and caches must know.
  const varied = { ...answer, headers: [...answer.headers, 'vary', 'accept-encoding'] }
  if (coding === undefined || head.version === '1.0') return varied
  const { status, source } = varied
  // What GET would say: a cache that hears of another tag or length takes what it has for stale (RFC 9111 §4.3.5).
  if (head.method === 'HEAD') return { ...varied, headers: fieldsFor(varied.headers, coding) }
  if (!source.complete)
    return { status, headers: fieldsFor(varied.headers, coding), source: compressStream(source, coding) }
  const bytes = source.whole()
  if (bytes.length < rule.minBytes) return { ...varied, source: wholeBody(bytes) }
  const body = wholeBody(await compressWhole(bytes, coding))
  return { status, headers: fieldsFor(varied.headers, coding), source: body }
}

/**
 * A cache puts the fields of a 304 in the place of those it has (RFC 9110 §15.4.5), and looks for what it has by the tag: who
 * asks with the weak one got the answer compressed.
 */
function fieldsOfNotModified(asked: RawHeaders, headers: RawHeaders): string[] {
  const tag = header(headers, 'etag')
  const isWeakHere = tag !== undefined && headerValues(asked, 'if-none-match').join(',').includes(`W/${tag}`)
  const fields = isWeakHere ? [...withoutHeaders(headers, TAG), 'etag', `W/${tag}`] : [...headers]
  return [...fields, 'vary', 'accept-encoding']
}

/** The tag stays as a weak one: the same content in other bytes (RFC 9110 §8.8.1). */
function fieldsFor(headers: RawHeaders, coding: Coding): string[] {
  const tag = header(headers, 'etag')
  const fields = withoutHeaders(headers, CHANGED)
  fields.push('content-encoding', coding)
  if (tag !== undefined) fields.push('etag', tag.startsWith('W/') ? tag : `W/${tag}`)
  return fields
}
