/** What proves who a client is. */
import type { KeyedRequest } from '../../balance/hash-key.ts'
import type { FieldEdits } from '../field-edits.ts'

export interface Identity {
  /** Unique among all who may come in: `key:shop`, `jwt:<issuer>|<sub>`. */
  readonly subject: string
  /** What upstreams are told, in x-skein-subject. */
  readonly name: string
}

export interface Authenticator {
  /**
   * Undefined when the request shows nothing of the kind.
   * @throws SkeinError UNAUTHENTICATED when what it shows is not right, FORBIDDEN when it is right and not enough, UNREACHABLE
   * when it cannot be judged now. The fields of `edits` may only be changed once it is right.
   */
  identify(request: KeyedRequest, edits: FieldEdits): Promise<Identity | undefined> | Identity | undefined
  /** Fields that only this may write: the client's own are taken away. */
  readonly ownFields: readonly string[]
  /** For WWW-Authenticate: `Bearer`. */
  readonly scheme: string
}
