/** Which certificate is shown to whom (RFC 6066 §3: the name that the client asks for). */
import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls'
import type { TlsSource } from './server.ts'

export interface CertificateFiles {
  /** PEM, the chain behind the certificate included. */
  readonly cert: string
  /** PEM. */
  readonly key: string
}

export class Certificates implements TlsSource {
  readonly #exact = new Map<string, SecureContext>()
  /** By what stands behind `*.`. */
  readonly #wildcard = new Map<string, SecureContext>()
  readonly #first: SecureContext
  readonly fallback: SecureContextOptions

  /** The first is shown to whoever asks for no name, or for none of theirs. @throws Error of the PEM that cannot be used. */
  constructor(certificates: readonly [CertificateFiles, ...CertificateFiles[]], minVersion: SecureVersion) {
    const contexts = certificates.map(({ cert, key }) => {
      const context = createSecureContext({ cert, key, minVersion })
      for (const name of namesOf(cert)) this.#add(name, context)
      return context
    })
    this.#first = contexts[0]!
    this.fallback = { cert: certificates[0].cert, key: certificates[0].key, minVersion }
  }

  context(name: string): SecureContext {
    const lower = name.toLowerCase().replace(/\.$/, '')
    const parent = lower.slice(lower.indexOf('.') + 1)
    return this.#exact.get(lower) ?? this.#wildcard.get(parent) ?? this.#first
  }

  /** Of two certificates for one name the first is shown. */
  #add(name: string, context: SecureContext): void {
    const [map, key] = name.startsWith('*.') ? [this.#wildcard, name.slice(2)] : [this.#exact, name]
    if (!map.has(key)) map.set(key, context)
  }
}

/** The DNS names of a certificate, in lower case. The common name counts no more (RFC 9110 §4.3.4). */
function namesOf(cert: string): string[] {
  const names = new X509Certificate(cert).subjectAltName ?? ''
  return [...names.matchAll(/DNS:([^,\s"]+)/g)].map(([, name]) => name!.toLowerCase())
}
