/**
 * The PEM files for a collector behind https (protocol/exporter.md of OpenTelemetry's specification): who may have signed its certificate,
 * in place of those whom Node trusts, and the certificate that we show. Read once, at the start.
 */
import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { readPem, tryPem } from '../../core/pem.ts'
import type { Variable } from './read-variable.ts'

/** As Node's TLS has them. */
export interface CollectorTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export function tlsOf(variable: (name: string) => Variable): CollectorTls {
  const certificate = variable('CLIENT_CERTIFICATE')
  const key = variable('CLIENT_KEY')
  return { ...authorityOf(variable('CERTIFICATE')), ...pairOf(certificate, key) }
}

function authorityOf({ name, text, issues }: Variable): CollectorTls {
  if (text === undefined) return {}
  const ca = readPem(text, name, issues)
  // Node's TLS takes anything here, and then trusts nobody.
  if (ca !== '') tryPem(() => new X509Certificate(ca), name, issues, 'Name a file of certificates in PEM.')
  return { ca }
}

function pairOf(certificate: Variable, key: Variable): CollectorTls {
  if (certificate.text === undefined && key.text === undefined) return {}
  const [missing] = [certificate, key].filter(({ text }) => text === undefined)
  if (missing !== undefined) {
    missing.issues.add(missing.name, 'is missing', 'A certificate of our own and its key go together.')
    return {}
  }
  const { issues } = key
  const pems = { cert: readPem(certificate.text!, certificate.name, issues), key: readPem(key.text!, key.name, issues) }
  if (pems.cert !== '' && pems.key !== '') tryPem(() => createSecureContext(pems), key.name, issues)
  return pems
}
