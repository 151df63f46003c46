import { withoutHeaders } from '../core/headers.ts'
import type { Exchange } from './exchange.ts'

/** `fields` with what the steps have to say put in place of what the upstream says by the same names. */
export function withAnswerFields({ answerFields }: Exchange, fields: string[]): string[] {
  if (answerFields.length === 0) return fields
  const names = new Set(answerFields.filter((_, i) => i % 2 === 0))
  const kept = withoutHeaders(fields, names)
  kept.push(...answerFields)
  return kept
}
