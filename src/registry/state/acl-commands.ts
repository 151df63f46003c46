/** Writes to tokens, policies and roles: what was asked for is checked against the newest state when it is decided. */
import type { PolicyBody, RoleBody, TokenBody } from './acl-records.ts'

export interface AclCommand {
  readonly type: 'acl'
  readonly action: AclAction
}

export type AclAction =
  | { readonly kind: 'token-set'; readonly token: TokenBody; readonly isNew: boolean }
  | { readonly kind: 'token-delete'; readonly accessor: string }
  | { readonly kind: 'policy-set'; readonly policy: PolicyBody; readonly isNew: boolean }
  | { readonly kind: 'policy-delete'; readonly id: string }
  | { readonly kind: 'role-set'; readonly role: RoleBody; readonly isNew: boolean }
  | { readonly kind: 'role-delete'; readonly id: string }
  /** The first token that may do everything. Again only with the index at which it was done last. */
  | { readonly kind: 'bootstrap'; readonly token: TokenBody; readonly resetIndex?: number | undefined }
  /** What is there from the start: what is there already stays as it is. A management token takes the place of bootstrap. */
  | {
      readonly kind: 'init'
      readonly policies: readonly PolicyBody[]
      readonly tokens: readonly TokenBody[]
      readonly management?: TokenBody | undefined
    }
