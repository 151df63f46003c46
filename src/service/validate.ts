/** Standard Schema's issues in the form that callers see. */
import type { StandardSchemaV1 } from '@standard-schema/spec'

export interface InputIssue {
  /** `address.zip`, `items.0.name`; empty for the input as a whole. */
  readonly path: string
  readonly message: string
}

export function issuesOf(issues: readonly StandardSchemaV1.Issue[]): InputIssue[] {
  return issues.map(({ path = [], message }) => ({
    path: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
    message,
  }))
}
