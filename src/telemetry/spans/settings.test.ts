import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigError } from '../../core/issues.ts'
import type { Environment } from '../../core/settings.ts'
import { SAMPLERS } from './samplers.ts'
import { readTracing, VARIABLES } from './settings.ts'

const HERE = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }
const TLS = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://localhost:4318' }

test('without an endpoint, or turned off, nothing is recorded', () => {
  const off: Environment[] = [
    {},
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { OTEL_SERVICE_NAME: 'a', OTEL_TRACES_SAMPLER: 'always_on' },
    { ...HERE, OTEL_SDK_DISABLED: 'TRUE' },
    { ...HERE, OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { ...HERE, OTEL_TRACES_EXPORTER: 'none' },
  ]
  for (const environment of off) assert.equal(readTracing(environment), undefined, JSON.stringify(environment))
  assert.notEqual(readTracing({ ...HERE, OTEL_SDK_DISABLED: 'false' }), undefined)
})

test('the endpoint: a base for all signals, or one for traces as it stands', () => {
  const cases: [Environment, string][] = [
    [HERE, 'http://localhost:4318/v1/traces'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a.example/otlp/' }, 'https://a.example/otlp/v1/traces'],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://b:1/x' }, 'http://b:1/x'],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://b:1' }, 'http://b:1/'],
    [{ ...HERE, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://b:1/x' }, 'http://b:1/x'],
  ]
  for (const [environment, endpoint] of cases) assert.equal(readTracing(environment)!.endpoint.href, endpoint)
})

test('defaults are those of the specification, and variables for traces stand above those for all signals', () => {
  const { headers, gzip, timeoutMs, batch, resource } = readTracing(HERE)!
  assert.deepEqual([headers, gzip, timeoutMs, resource], [{}, false, 10_000, {}])
  assert.deepEqual(batch, { queueMax: 2048, batchMax: 512, delayMs: 5000, exportMs: 30_000 })
  const own = readTracing({
    ...HERE,
    OTEL_EXPORTER_OTLP_HEADERS: 'a=1',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: ' b = 2%2C3 , c=x=y',
    OTEL_EXPORTER_OTLP_TIMEOUT: '5',
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '0',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    OTEL_BSP_MAX_QUEUE_SIZE: '100',
    OTEL_BSP_SCHEDULE_DELAY: '1',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=a,b=c',
    OTEL_SERVICE_NAME: 'mine',
  })!
  assert.deepEqual(own.headers, { b: '2,3', c: 'x=y' })
  assert.equal(own.timeoutMs, 24 * 3_600_000)
  assert.deepEqual(own.batch, { queueMax: 100, batchMax: 100, delayMs: 1, exportMs: 30_000 })
  assert.deepEqual(own.resource, { 'service.name': 'mine', b: 'c' })
})

test('words count in any case, and propagators that are spoken are taken as they come', () => {
  const settings = readTracing({
    ...HERE,
    OTEL_TRACES_EXPORTER: 'OTLP',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'GZip',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'HTTP/JSON',
    OTEL_TRACES_SAMPLER: 'ALWAYS_OFF',
    OTEL_PROPAGATORS: 'TraceContext, baggage,tracecontext',
  })!
  assert.deepEqual([settings.gzip, settings.sampler('a'.repeat(32), undefined)], [true, false])
})

test('the table of variables has those that are read, and no others', () => {
  const read = new Set<string>()
  const environment = new Proxy<Environment>(TLS, {
    get: (given, name) => {
      read.add(String(name))
      return given[String(name) as keyof Environment]
    },
  })
  readTracing(environment)
  read.delete('OTEL_SERVICE_NAME')
  assert.deepEqual([...read].sort(), [...VARIABLES].sort())
})

test('certificates of a collector are read for https alone', () => {
  assert.deepEqual(readTracing({ ...HERE, OTEL_EXPORTER_OTLP_CERTIFICATE: '/nowhere' })!.tls, {})
})

describe('what makes no sense is refused by the name of its variable', () => {
  const cases: [Environment, RegExp][] = [
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318' }, /OTEL_EXPORTER_OTLP_ENDPOINT: this is no address/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'nonsense' }, /OTEL_EXPORTER_OTLP_TRACES_ENDPOINT/],
    [{ ...HERE, OTEL_SDK_DISABLED: 'yes' }, /OTEL_SDK_DISABLED: "yes" is neither true nor false/],
    [{ ...HERE, OTEL_TRACES_EXPORTER: 'zipkin' }, /OTEL_TRACES_EXPORTER: "zipkin".*otlp, none/],
    [
      { ...HERE, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      /OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not spoken here.*http\/json/,
    ],
    [
      { ...HERE, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf' },
      /OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: http\/protobuf/,
    ],
    [{ ...HERE, OTEL_EXPORTER_OTLP_PROTOCOL: 'carrier' }, /"carrier" is no protocol of OTLP/],
    [{ ...HERE, OTEL_EXPORTER_OTLP_HEADERS: 'secret' }, /OTEL_EXPORTER_OTLP_HEADERS: a part of it has no "="/],
    [{ ...HERE, OTEL_EXPORTER_OTLP_HEADERS: 'a=%zz' }, /the value of "a" is not percent-encoded/],
    [{ ...HERE, OTEL_EXPORTER_OTLP_HEADERS: 'a b=c' }, /has no "="|cannot stand/],
    [{ ...HERE, OTEL_EXPORTER_OTLP_HEADERS: 'a=b%0Ac' }, /"a" cannot stand in a request/],
    [{ ...HERE, OTEL_EXPORTER_OTLP_COMPRESSION: 'br' }, /OTEL_EXPORTER_OTLP_COMPRESSION/],
    [{ ...HERE, OTEL_EXPORTER_OTLP_TIMEOUT: '-1' }, /OTEL_EXPORTER_OTLP_TIMEOUT: "-1" is no whole number/],
    [{ ...HERE, OTEL_EXPORTER_OTLP_TIMEOUT: '5s' }, /OTEL_EXPORTER_OTLP_TIMEOUT/],
    [{ ...HERE, OTEL_BSP_MAX_QUEUE_SIZE: '0' }, /OTEL_BSP_MAX_QUEUE_SIZE/],
    [
      { ...HERE, OTEL_BSP_MAX_QUEUE_SIZE: '10', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '11' },
      /OTEL_BSP_MAX_EXPORT_BATCH_SIZE: a batch of 11/,
    ],
    [{ ...HERE, OTEL_BSP_SCHEDULE_DELAY: '99999999999' }, /OTEL_BSP_SCHEDULE_DELAY/],
    [{ ...HERE, OTEL_TRACES_SAMPLER: 'alway_on' }, /OTEL_TRACES_SAMPLER: .*Did you mean "always_on"/],
    [{ ...HERE, OTEL_TRACES_SAMPLER: 'jaeger_remote' }, /OTEL_TRACES_SAMPLER/],
    [
      { ...HERE, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' },
      /OTEL_TRACES_SAMPLER_ARG: "2" is no ratio/,
    ],
    [{ ...HERE, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0x1' }, /OTEL_TRACES_SAMPLER_ARG/],
    [{ ...HERE, OTEL_RESOURCE_ATTRIBUTES: 'a' }, /OTEL_RESOURCE_ATTRIBUTES/],
    [
      { ...HERE, OTEL_PROPAGATORS: 'tracecontext,b3' },
      /OTEL_PROPAGATORS: "b3" cannot be had here.*tracecontext,baggage/,
    ],
    [{ ...HERE, OTEL_PROPAGATORS: 'none' }, /OTEL_PROPAGATORS: "none" cannot be had here/],
    [{ ...HERE, OTEL_PROPAGATORS: 'baggage' }, /OTEL_PROPAGATORS: tracecontext is missing/],
    [{ ...TLS, OTEL_EXPORTER_OTLP_CERTIFICATE: '/no/ca.pem' }, /OTEL_EXPORTER_OTLP_CERTIFICATE: cannot be read/],
    [
      { ...TLS, OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: import.meta.filename },
      /OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: cannot be used.*certificates in PEM/,
    ],
    [{ ...TLS, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: 'a' }, /OTEL_EXPORTER_OTLP_CLIENT_KEY: is missing/],
    [{ ...TLS, OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: 'a' }, /OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: is missing/],
    [
      {
        ...TLS,
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: import.meta.filename,
        OTEL_EXPORTER_OTLP_CLIENT_KEY: import.meta.filename,
      },
      /OTEL_EXPORTER_OTLP_CLIENT_KEY: cannot be used/,
    ],
  ]
  for (const [environment, complaint] of cases) {
    test(String(complaint), () => {
      assert.throws(
        () => readTracing(environment),
        (error) => error instanceof ConfigError && complaint.test(error.message) && error.issues.length === 1,
      )
    })
  }

  test('all at once, and no secret among the words', () => {
    const environment = {
      ...HERE,
      OTEL_TRACES_SAMPLER: 'x',
      OTEL_EXPORTER_OTLP_TIMEOUT: 'y',
      OTEL_EXPORTER_OTLP_HEADERS: 'k=%s3cret',
    }
    assert.throws(
      () => readTracing(environment),
      (error) => error instanceof ConfigError && error.issues.length === 3 && !error.message.includes('s3cret'),
    )
  })
})

describe('samplers', () => {
  const low = `${'f'.repeat(16)}0000000000000001`
  const middle = `${'0'.repeat(16)}8000000000000000`
  const high = `${'0'.repeat(15)}1ffffffffffffffff`
  const sampled = { traceFlags: 1 }
  const unsampled = { traceFlags: 2 }
  /** Name, ratio → what becomes of roots with these ids, and below a sampled and an unsampled parent (with the highest id and the lowest). */
  const table: [string, number, boolean[], boolean, boolean][] = [
    ['always_on', 1, [true, true, true], true, true],
    ['always_off', 1, [false, false, false], false, false],
    ['traceidratio', 1, [true, true, true], true, true],
    ['traceidratio', 0.5, [true, false, false], false, true],
    ['traceidratio', 0, [false, false, false], false, false],
    ['parentbased_always_on', 1, [true, true, true], true, false],
    ['parentbased_always_off', 1, [false, false, false], true, false],
    ['parentbased_traceidratio', 0.6, [true, true, false], true, false],
  ]
  for (const [name, ratio, roots, belowSampled, belowUnsampled] of table) {
    test(`${name} ${ratio}`, () => {
      const sampler = SAMPLERS[name]!.make(ratio)
      assert.deepEqual(
        [low, middle, high].map((id) => sampler(id, undefined)),
        roots,
      )
      assert.equal(sampler(high, sampled), belowSampled)
      assert.equal(sampler(low, unsampled), belowUnsampled)
    })
  }

  test('every one of the table is in the tests', () => {
    assert.deepEqual([...new Set(table.map(([name]) => name))].sort(), Object.keys(SAMPLERS).sort())
  })
})
