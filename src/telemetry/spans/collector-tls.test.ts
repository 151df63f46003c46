import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { makeAuthority, needsCertificates } from '../../../test/support/certificates.ts'
import { systemClock } from '../../core/clock.ts'
import type { Environment } from '../../core/settings.ts'
import { startCollector } from './collector.suite.ts'
import { collectorAt } from './otlp-http.ts'
import { readTracing } from './settings.ts'

test('a collector behind https: whom we trust, and who we are', { skip: needsCertificates() }, async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-collector-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const certified = makeAuthority(dir)
  const { ca, ...server } = certified('collector')
  const own = certified('shop')
  const pem = { key: readFileSync(server.key), cert: readFileSync(server.cert), ca: readFileSync(ca) }
  const collector = await startCollector(undefined, { ...pem, requestCert: true, rejectUnauthorized: true })
  t.after(() => collector.close())

  /** What became of a request with these variables. */
  async function posted(environment: Environment): Promise<string> {
    const settings = readTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...environment })!
    const { post, close } = collectorAt(settings, systemClock)
    const verdict = await post('{"resourceSpans":[]}', 10_000, new AbortController().signal)
    close()
    return verdict.kind === 'taken' ? 'taken' : verdict.message
  }

  const trusting = { OTEL_EXPORTER_OTLP_CERTIFICATE: ca }
  const known = { OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: own.cert, OTEL_EXPORTER_OTLP_CLIENT_KEY: own.key }
  assert.match(await posted({}), /certificate/)
  assert.match(await posted(trusting), /certificate required|handshake|socket hang up|ECONNRESET/i)
  assert.equal(await posted({ ...trusting, ...known }), 'taken')
  assert.throws(
    () =>
      readTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...known, OTEL_EXPORTER_OTLP_CLIENT_KEY: server.key }),
    /OTEL_EXPORTER_OTLP_CLIENT_KEY: cannot be used: .*The key must be that of the certificate/,
  )
})
