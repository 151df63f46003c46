/**
 * A second opinion: a strict HTTP/1.1 request parser that shares nothing with Node's. What a recorder behind the gateway
 * received must be, for this parser too, exactly the requests that the gateway meant to send.
 */

export interface SeenRequest {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

export interface Reading {
  readonly requests: readonly SeenRequest[]
  /** Bytes behind the last whole request: a request that broke off. */
  readonly rest: string
}

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/** @throws Error for anything that is not strictly RFC 9112. */
export function readRequests(bytes: string): Reading {
  const requests: SeenRequest[] = []
  let rest = bytes
  for (let next = readOne(rest); next !== undefined; next = readOne(rest)) {
    requests.push(next.request)
    rest = next.rest
  }
  return { requests, rest }
}

function readOne(bytes: string): { request: SeenRequest; rest: string } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [line, ...fields] = bytes.slice(0, end).split('\r\n')
  const start = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(line!)
  if (start === null) throw new Error(`request line: ${JSON.stringify(line)}`)
  const headers = fields.map(readField)
  const framed = readBody(headers, bytes.slice(end + 4))
  if (framed === undefined) return undefined
  return { request: { method: start[1]!, target: start[2]!, headers, body: framed.body }, rest: framed.rest }
}

function readField(line: string): [string, string] {
  const colon = line.indexOf(':')
  const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()]
  if (colon < 1 || !TOKEN.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value))
    throw new Error(`field: ${JSON.stringify(line)}`)
  return [name.toLowerCase(), value]
}

function readBody(headers: readonly [string, string][], bytes: string): { body: string; rest: string } | undefined {
  const all = (name: string) => headers.filter(([other]) => other === name).map(([, value]) => value)
  const [lengths, codings] = [all('content-length'), all('transfer-encoding')]
  if (all('host').length !== 1) throw new Error('Host is not given exactly once')
  if (lengths.length + codings.length > 1) throw new Error('more than one framing')
  if (codings.length === 1) return readChunks(codings[0]!, bytes)
  const length = lengths[0] ?? '0'
  if (!/^\d+$/.test(length)) throw new Error(`Content-Length: ${length}`)
  if (bytes.length < Number(length)) return undefined
  return { body: bytes.slice(0, Number(length)), rest: bytes.slice(Number(length)) }
}

function readChunks(coding: string, bytes: string): { body: string; rest: string } | undefined {
  if (coding !== 'chunked') throw new Error(`Transfer-Encoding: ${coding}`)
  let [body, rest] = ['', bytes]
  for (;;) {
    const line = /^([^\r\n]*)\r\n/.exec(rest)
    if (line === null) return undefined
    if (!/^[0-9a-f]+$/i.test(line[1]!)) throw new Error(`chunk size: ${JSON.stringify(line[1])}`)
    const size = Number.parseInt(line[1]!, 16)
    rest = rest.slice(line[0].length)
    if (rest.length < size + 2) return undefined
    if (rest.slice(size, size + 2) !== '\r\n') throw new Error('no line end behind a chunk')
    body += rest.slice(0, size)
    rest = rest.slice(size + 2)
    if (size === 0) return { body, rest }
  }
}
