/** What proves who a client is. */
import type { KeyedRequest } from '../../balance/hash-key.ts'
import type { Caller } from '../../client/contract.ts'
import type { Clock } from '../../core/clock.ts'
import type { SkeinError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import type { FieldEdits } from '../field-edits.ts'

export interface Identity {
  /** Unique among all who may come in: `key:shop`, `jwt:<issuer>|<sub>`. */
  readonly subject: string
  /** What upstreams are told, in x-skein-subject. */
  readonly name: string
  /** In x-skein-issuer: who says so, where a name is only unique among one's own. */
  readonly issuer?: string
}

/** The request as authenticators see it. */
export interface AuthRequest extends KeyedRequest {
  readonly method: string
  readonly path: string
  /** Path with query. */
  readonly target: string
  /** What upstreams are told of the client: x-forwarded-for and its like. */
  readonly forwarded: readonly string[]
  /** Where the client sees the gateway: `https://shop.example.com`. */
  readonly origin: string
  /** It asks for a protocol other than HTTP. */
  readonly upgrading: boolean
  readonly signal: AbortSignal
  /** Is a cookie of this name between client and gateway alone? */
  hides(cookie: string): boolean
  /** Adds a field to whatever the client is answered, a refusal as well. */
  tell(name: string, value: string): void
  /** Runs a call of the authenticator's own as part of the request: under its trace and id. */
  asPartOf<T>(call: () => T): T
}

/** An answer in place of the upstream's. */
export interface AuthReply {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string | Uint8Array
}

/** The client may come in, perhaps without a name; or it gets this reply, where something failed with the error for the log. */
export type Decision =
  | { readonly identity: Identity | undefined }
  | { readonly reply: AuthReply; readonly error?: SkeinError }

export interface Authenticator {
  /**
   * Undefined when the request shows nothing of the kind.
   * @throws SkeinError UNAUTHENTICATED when what it shows is not right, FORBIDDEN when it is right and not enough, and others
   * when it cannot be judged now. The fields of `edits` may only be changed once it is right.
   */
  decide(request: AuthRequest, edits: FieldEdits): Promise<Decision | undefined> | Decision | undefined
  /** Fields that only this may write, in lower case: the client's own are taken away, on all routes. */
  readonly ownFields: readonly string[]
  /** For WWW-Authenticate: `Bearer`. */
  readonly scheme: string
}

/** What authenticators are made of. */
export interface AuthParts {
  readonly caller: Pick<Caller, 'request'>
  readonly clock: Clock
  readonly log: Logger
  readonly random: Random
}
