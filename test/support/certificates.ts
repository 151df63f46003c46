/** Certificates of an authority of a test's own, made by openssl. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { findProgram, needsProgram, type Skip } from './needs.ts'

export const needsCertificates = (): Skip => needsProgram('openssl')

/** PEM files. */
export interface Certificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/**
 * An authority in `dir`, and what it certifies: for 127.0.0.1 and `name`, as a server and as a client. `subject` is whom it
 * names, default the same name.
 */
export function makeAuthority(dir: string): (name: string, subject?: string) => Certificates {
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync(findProgram('openssl')!, args, { cwd: dir, encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`)
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test authority')
  return (name, subject = `/CN=${name}`) => {
    openssl('req', '-new', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject)
    const uses = `subjectAltName=IP:127.0.0.1,DNS:${name}\nextendedKeyUsage=serverAuth,clientAuth\n`
    writeFileSync(path.join(dir, `${name}.ext`), uses)
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`]
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signing)
    return { ca: path.join(dir, 'ca.pem'), cert: path.join(dir, `${name}.pem`), key: path.join(dir, `${name}.key`) }
  }
}
