/**
 * The second parser: HTTP/1.1 messages as RFC 9112 has them and in no other way, written apart from the one under test and
 * in another manner (it cuts where that one walks). Slow and strict: whatever it cannot read in exactly one way is an error.
 */

export type Field = readonly [name: string, value: string]

interface Message {
  /** Names in lower case, in order. */
  readonly fields: readonly Field[]
  readonly body: string
  readonly trailers: readonly Field[]
  /** The bytes that it was read from. */
  readonly bytes: string
}

export interface Request extends Message {
  readonly method: string
  readonly target: string
  readonly version: string
}

export interface Response extends Message {
  readonly status: number
  readonly version: string
}

export interface Read<M> {
  readonly messages: readonly M[]
  /** What stands behind the last whole message: nothing, or one that is not (yet) whole. */
  readonly rest: string
}

/** Requests from the latin1 text of a connection. @throws Error on anything that is no strict HTTP/1.1. */
export function readRequests(text: string): Read<Request> {
  return readAll(text, (rest) => {
    const head = cutHead(rest)
    if (head === undefined) return undefined
    const { line, fields } = head
    const parts = line.split(' ')
    if (parts.length !== 3) throw new Error(`request line of ${parts.length} words: ${quote(line)}`)
    const [method, target, version] = parts as [string, string, string]
    if (!isName(method)) throw new Error(`method: ${quote(method)}`)
    if (target === '' || !/^[\x21-\x7e]+$/.test(target)) throw new Error(`target: ${quote(target)}`)
    if (version !== 'HTTP/1.1') throw new Error(`version: ${quote(version)}`)
    if (valuesOf(fields, 'host').length !== 1) throw new Error('Host is not given exactly once')
    const framed = cutBody(head.rest, framingOf(fields) ?? 0)
    return framed && { message: { method, target, version, fields, ...framed }, rest: framed.rest }
  })
}

/**
 * Responses from the latin1 text of a connection; `methods` are those of the requests, in order. A body that lasts until the
 * connection ends is whole only when `ended` says that it has ended well. @throws Error
 */
export function readResponses(text: string, methods: readonly string[], ended: boolean): Read<Response> {
  let answered = 0
  return readAll(text, (rest) => {
    const head = cutHead(rest)
    if (head === undefined) return undefined
    const { line, fields } = head
    const found = /^(HTTP\/1\.1) ([1-5]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/.exec(line)
    if (found === null) throw new Error(`status line: ${quote(line)}`)
    const [status, version] = [Number(found[2]), found[1]!]
    const framing = framingOf(fields)
    const method = methods[answered]
    if (status >= 200) answered++
    const hasNone = method === 'HEAD' || status < 200 || status === 204 || status === 304
    const framed = cutBody(head.rest, hasNone ? 0 : (framing ?? (ended ? head.rest.length : Number.NaN)))
    return framed && { message: { status, version, fields, ...framed }, rest: framed.rest }
  })
}

function readAll<M extends Message>(
  text: string,
  readOne: (rest: string) => { message: Omit<M, 'bytes'>; rest: string } | undefined,
): Read<M> {
  const messages: M[] = []
  let rest = text
  while (rest !== '') {
    const one = readOne(rest)
    if (one === undefined) break
    const bytes = rest.slice(0, rest.length - one.rest.length)
    messages.push({ ...one.message, bytes } as M)
    rest = one.rest
  }
  return { messages, rest }
}

interface Head {
  readonly line: string
  readonly fields: readonly Field[]
  readonly rest: string
}

function cutHead(text: string): Head | undefined {
  const end = text.indexOf('\r\n\r\n')
  const lines = (end === -1 ? text : text.slice(0, end)).split('\r\n')
  for (const line of lines) refuseControls(line, end === -1)
  if (end === -1) return undefined
  const [line, ...rest] = lines
  return { line: line!, fields: rest.map(readField), rest: text.slice(end + 4) }
}

/** No line end but CRLF, and no control character. A lone CR at the end of what has come may be half a CRLF. */
function refuseControls(line: string, unfinished: boolean): void {
  const checked = unfinished ? line.replace(/\r$/, '') : line
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(checked)) throw new Error(`control character: ${quote(line)}`)
}

function readField(line: string): Field {
  const colon = line.indexOf(':')
  if (colon === -1) throw new Error(`no colon: ${quote(line)}`)
  const name = line.slice(0, colon)
  if (!isName(name)) throw new Error(`field name: ${quote(name)}`)
  return [name.toLowerCase(), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
}

const isName = (text: string) => /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(text)
const quote = (text: string) => JSON.stringify(text.slice(0, 100))

export function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter(([other]) => other === name).map(([, value]) => value)
}

/** Bytes, `chunked`, or undefined when the head does not say. */
function framingOf(fields: readonly Field[]): number | 'chunked' | undefined {
  const lengths = valuesOf(fields, 'content-length')
  const codings = valuesOf(fields, 'transfer-encoding')
  if (lengths.length + codings.length > 1) throw new Error(`framed more than once: ${[...lengths, ...codings]}`)
  if (codings.length === 1) {
    if (codings[0]!.toLowerCase() !== 'chunked') throw new Error(`Transfer-Encoding: ${quote(codings[0]!)}`)
    return 'chunked'
  }
  if (lengths.length === 0) return undefined
  if (!/^(?:0|[1-9][0-9]{0,14})$/.test(lengths[0]!)) throw new Error(`Content-Length: ${quote(lengths[0]!)}`)
  return Number(lengths[0])
}

interface Framed {
  readonly body: string
  readonly trailers: readonly Field[]
  readonly rest: string
}

/** Undefined while it is not whole. `length` is NaN for one that lasts until the end, which has not come. */
function cutBody(text: string, length: number | 'chunked'): Framed | undefined {
  if (length === 'chunked') return cutChunks(text)
  if (Number.isNaN(length) || text.length < length) return undefined
  return { body: text.slice(0, length), trailers: [], rest: text.slice(length) }
}

function cutChunks(text: string): Framed | undefined {
  let [body, rest] = ['', text]
  for (;;) {
    const lineEnd = rest.indexOf('\r\n')
    if (lineEnd === -1) return undefined
    const size = rest.slice(0, lineEnd)
    if (!/^[0-9a-fA-F]{1,8}$/.test(size)) throw new Error(`chunk size: ${quote(size)}`)
    const length = Number.parseInt(size, 16)
    rest = rest.slice(lineEnd + 2)
    if (length === 0) return cutTrailers(body, rest)
    if (rest.length < length + 2) return undefined
    if (rest.slice(length, length + 2) !== '\r\n') throw new Error('a chunk is longer than its size')
    body += rest.slice(0, length)
    rest = rest.slice(length + 2)
  }
}

function cutTrailers(body: string, text: string): Framed | undefined {
  if (text.startsWith('\r\n')) return { body, trailers: [], rest: text.slice(2) }
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const lines = text.slice(0, end).split('\r\n')
  for (const line of lines) refuseControls(line, false)
  return { body, trailers: lines.map(readField), rest: text.slice(end + 4) }
}
