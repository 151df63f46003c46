/** Domain names as text and as labels. */
import { LABEL_MAX_BYTES, NAME_MAX_BYTES } from './codes.ts'

/** A domain name: labels as text, the root left out. A dot or backslash inside a label is written `\.`, `\\`. */
export type Labels = readonly string[]

/** The labels of a host name, with or without the final dot; undefined where it cannot be a domain name. */
export function toLabels(name: string): Labels | undefined {
  const labels = name.replace(/\.$/, '').split('.')
  return isName(labels) ? labels : undefined
}

export function isName(labels: Labels): boolean {
  const lengths = labels.map((label) => Buffer.byteLength(label))
  const bytes = lengths.reduce((sum, length) => sum + length + 1, 1)
  return bytes <= NAME_MAX_BYTES && lengths.every((length) => length > 0 && length <= LABEL_MAX_BYTES)
}

/** Without its last labels, if those are `end` (in lower case). */
export function before(labels: Labels, end: Labels): Labels | undefined {
  const rest = labels.length - end.length
  if (rest < 0 || end.some((label, i) => label !== labels[rest + i]?.toLowerCase())) return undefined
  return labels.slice(0, rest)
}
