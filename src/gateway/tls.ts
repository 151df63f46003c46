/** The certificates of the gateway: as they stand in the configuration, and read. */
import { readFileSync } from 'node:fs'
import { ConfigError, IssueList } from '../core/issues.ts'
import { type CertificateFiles, Certificates } from '../wire/certificates.ts'
import { type Check, type Checks, fields, listOf, text } from './check.ts'
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
  { certificates: listOf(pair, EXAMPLE), minVersion: checkVersion } satisfies Checks<TlsConfig>,
  EXAMPLE,
  ['certificates'],
)

/** @throws ConfigError that names each file which cannot be read or used. */
export function readCertificates({ certificates, minVersion = 'TLSv1.2' }: TlsConfig): Certificates {
  const issues = new IssueList('gateway')
  if (certificates.length === 0) issues.add('tls.certificates', 'is empty', `Write ${EXAMPLE}.`)
  const read = certificates.map(({ cert, key }, i) => ({
    cert: pem(cert, `tls.certificates[${i}].cert`, issues),
    key: pem(key, `tls.certificates[${i}].key`, issues),
  }))
  for (const [i, one] of read.entries()) checkPair(one, `tls.certificates[${i}]`, issues)
  if (issues.issues.length > 0) throw new ConfigError(issues.issues)
  return new Certificates(read as [CertificateFiles, ...CertificateFiles[]], minVersion)
}

function pem(value: string, key: string, issues: IssueList): string {
  if (value.startsWith('-----BEGIN')) return value
  try {
    return readFileSync(value, 'utf8')
  } catch (error) {
    issues.add(key, `cannot be read: ${(error as Error).message}`, 'Name a PEM file that the gateway may read.')
    return ''
  }
}

function checkPair(pair: CertificateFiles, key: string, issues: IssueList): void {
  if (pair.cert === '' || pair.key === '') return
  try {
    new Certificates([pair], 'TLSv1.2')
  } catch (error) {
    issues.add(
      key,
      `cannot be used: ${(error as Error).message}`,
      'The key must be that of the certificate, both in PEM.',
    )
  }
}
