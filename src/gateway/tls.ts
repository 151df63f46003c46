/** The certificates of the gateway: as they stand in the configuration, and read. */
import { ConfigError, IssueList } from '../core/issues.ts'
import { readPem, tryPem } from '../core/pem.ts'
import { type CertificateFiles, Certificates } from '../wire/certificates.ts'
import { type Check, type Checks, fields, listOf, notEmpty, text } from './check.ts'
import type { TlsConfig } from './contract.ts'

const EXAMPLE = '{ certificates: [{ cert: "./shop.pem", key: "./shop.key" }] }'

const checkVersion: Check = (value, report) => {
  if (value !== 'TLSv1.2' && value !== 'TLSv1.3') report('is no version in use', 'Write "TLSv1.2" or "TLSv1.3".')
}

const pair = fields(
  { cert: text('./shop.pem'), key: text('./shop.key') },
  '{ cert: "./shop.pem", key: "./shop.key" }',
  ['cert', 'key'],
)

export const checkTls: Check = fields(
  {
    certificates: notEmpty(listOf(pair, '[{ cert: "./shop.pem", key: "./shop.key" }]')),
    minVersion: checkVersion,
  } satisfies Checks<TlsConfig>,
  EXAMPLE,
  ['certificates'],
)

/** @throws ConfigError that names each file which cannot be read or used. */
export function readCertificates({ certificates, minVersion = 'TLSv1.2' }: TlsConfig): Certificates {
  const issues = new IssueList('gateway')
  const read = certificates.map(({ cert, key }, i) => ({
    cert: readPem(cert, `tls.certificates[${i}].cert`, issues),
    key: readPem(key, `tls.certificates[${i}].key`, issues),
  }))
  for (const [i, one] of read.entries()) checkPair(one, `tls.certificates[${i}]`, issues)
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  return new Certificates(read as [CertificateFiles, ...CertificateFiles[]], minVersion)
}

function checkPair(pair: CertificateFiles, key: string, issues: IssueList): void {
  if (pair.cert !== '' && pair.key !== '') tryPem(() => new Certificates([pair], 'TLSv1.2'), key, issues)
}
