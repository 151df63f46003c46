/** What is done with what an issuer says of somebody, in a token or at a sign-in. */
import { SkeinError } from '../../core/errors.ts'
import type { FieldEdits } from '../field-edits.ts'

/** What rules say about claims. */
export interface ClaimRules {
  readonly claims?: Readonly<Record<string, string | readonly string[]>>
  readonly forward?: Readonly<Record<string, string>>
}

type Claims = Readonly<Record<string, unknown>>

/** @throws SkeinError FORBIDDEN where one has none of the values that it must have. */
export function checkClaims({ claims = {} }: ClaimRules, payload: Claims): void {
  for (const [claim, wanted] of Object.entries(claims)) {
    const value = payload[claim]
    const values = typeof value === 'string' ? [value, ...value.split(' ')] : Array.isArray(value) ? value : []
    if ([wanted].flat().some((one) => values.includes(one))) continue
    throw new SkeinError('FORBIDDEN', `the token's "${claim}" does not allow this`, { reason: `claim_${claim}` })
  }
}

export function forwardClaims({ forward = {} }: ClaimRules, payload: Claims, edits: FieldEdits): void {
  for (const [claim, name] of Object.entries(forward)) {
    const value = payload[claim]
    if (value === undefined) continue
    edits.put(name.toLowerCase(), headerText(typeof value === 'string' ? value : JSON.stringify(value)))
  }
}

/** A claim as a header value: as it is where it can stand there, else percent-encoded. */
export function headerText(value: string): string {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) ? value : encodeURIComponent(value.toWellFormed())
}
