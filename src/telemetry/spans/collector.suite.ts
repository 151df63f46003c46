/** For tests: a collector of OTLP/HTTP in JSON on loopback, which checks what it gets against the protocol's JSON mapping. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** A span as it was on the wire, its attributes made an object. */
export interface SeenSpan {
  readonly service: string
  readonly resource: Readonly<Record<string, unknown>>
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly traceState: string | undefined
  readonly name: string
  readonly kind: number
  readonly flags: number
  readonly startNs: bigint
  readonly endNs: bigint
  readonly error: boolean
  readonly message: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[]
}

export interface Collector {
  readonly url: string
  /** In order of arrival. */
  readonly spans: SeenSpan[]
  readonly requests: IncomingMessage[]
  /** Resolves when `done` holds. */
  until(done: (spans: readonly SeenSpan[]) => boolean): Promise<void>
  close(): Promise<void>
}

type Answer = (request: IncomingMessage, response: ServerResponse, number: number) => void

const take: Answer = (_, response) => {
  response.setHeader('content-type', 'application/json')
  response.end('{}')
}

/** `answer` is called after the request was read and checked; `number` counts from 1. With `tls` behind https. */
export async function startCollector(answer: Answer = take, tls?: ServerOptions): Promise<Collector> {
  const spans: SeenSpan[] = []
  const requests: IncomingMessage[] = []
  const waiting = new Set<() => void>()
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await bodyOf(request)
    requests.push(request)
    spans.push(...readExport(request, body))
    answer(request, response, requests.length)
    for (const check of waiting) check()
  }
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    until: (done) =>
      new Promise((resolve) => {
        const check = () => {
          if (!done(spans)) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const bytes = Buffer.concat(chunks)
  return String(request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes)
}

type Fields = Record<string, unknown>

/** @throws AssertionError for what OTLP's JSON would not be read as. */
function readExport(request: IncomingMessage, body: string): SeenSpan[] {
  assert.equal(request.method, 'POST')
  assert.equal(request.headers['content-type'], 'application/json')
  const message = JSON.parse(body) as Fields
  only(message, 'resourceSpans')
  return list(message['resourceSpans']).flatMap((part) => {
    only(part, 'resource', 'scopeSpans')
    only(part['resource'] as Fields, 'attributes')
    const resource = attributesOf((part['resource'] as Fields)['attributes'])
    assert.equal(typeof resource['service.name'], 'string')
    return list(part['scopeSpans']).flatMap((scoped) => {
      only(scoped, 'scope', 'spans')
      assert.deepEqual(scoped['scope'], { name: 'skein' })
      return list(scoped['spans']).map((span) => readSpan(span, resource))
    })
  })
}

const SPAN_FIELDS = [
  ...['traceId', 'spanId', 'traceState', 'parentSpanId', 'flags', 'name', 'kind', 'startTimeUnixNano'],
  ...['endTimeUnixNano', 'attributes', 'droppedAttributesCount', 'events', 'droppedEventsCount', 'status'],
]

function readSpan(span: Fields, resource: Fields): SeenSpan {
  only(span, ...SPAN_FIELDS)
  const { traceId, spanId, parentSpanId, traceState, name, kind, flags, startTimeUnixNano, endTimeUnixNano } = span as {
    [key: string]: string
  }
  assert.match(traceId!, /^[0-9a-f]{32}$/)
  assert.match(spanId!, /^[0-9a-f]{16}$/)
  if (parentSpanId !== undefined) assert.match(parentSpanId, /^[0-9a-f]{16}$/)
  assert.ok(Number.isInteger(kind) && Number(kind) >= 1 && Number(kind) <= 5, 'enums are numbers')
  assert.ok(Number.isInteger(flags) && Number(flags) >= 0 && Number(flags) < 2 ** 32)
  for (const time of [startTimeUnixNano, endTimeUnixNano]) assert.match(time!, /^\d{19}$/, '64-bit integers are texts')
  assert.ok(BigInt(endTimeUnixNano!) >= BigInt(startTimeUnixNano!))
  const status = (span['status'] ?? {}) as Fields
  only(status, 'code', 'message')
  return {
    ...{
      traceId: traceId!,
      spanId: spanId!,
      parentSpanId,
      traceState,
      name: name!,
      kind: Number(kind),
      flags: Number(flags),
    },
    ...{ startNs: BigInt(startTimeUnixNano!), endNs: BigInt(endTimeUnixNano!) },
    ...{ service: String(resource['service.name']), resource, attributes: attributesOf(span['attributes'] ?? []) },
    error: status['code'] === 2,
    message: status['message'] as string | undefined,
    events: list(span['events'] ?? []).map((event) => {
      only(event, 'timeUnixNano', 'name', 'attributes', 'droppedAttributesCount')
      assert.match(String(event['timeUnixNano']), /^\d{19}$/)
      return { name: String(event['name']), attributes: attributesOf(event['attributes'] ?? []) }
    }),
  }
}

function attributesOf(entries: unknown): Fields {
  return Object.fromEntries(
    list(entries).map((entry) => {
      only(entry, 'key', 'value')
      return [entry['key'], contentOf(entry['value'] as Fields)]
    }),
  )
}

function contentOf(value: Fields): unknown {
  const [[kind, content] = [], ...more] = Object.entries(value)
  assert.equal(more.length, 0, 'a value has one form')
  if (kind === 'arrayValue') return list((content as Fields)['values']).map(contentOf)
  if (kind === 'intValue') {
    assert.match(String(content), /^-?\d+$/)
    assert.equal(typeof content, 'string', '64-bit integers are texts')
    return Number(content)
  }
  const types: Record<string, string> = { stringValue: 'string', boolValue: 'boolean', doubleValue: 'number' }
  if (kind === 'doubleValue' && typeof content === 'string') assert.match(content, /^(NaN|-?Infinity)$/)
  else assert.equal(typeof content, types[kind!], String(kind))
  return content
}

function list(value: unknown): Fields[] {
  assert.ok(Array.isArray(value))
  return value as Fields[]
}

function only(fields: Fields, ...known: string[]): void {
  for (const key of Object.keys(fields)) assert.ok(known.includes(key), `OTLP has no ${key} here`)
}
