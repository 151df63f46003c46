/** All cases: one table a side. */
import type { RequestCase, ResponseCase } from '../contract.ts'
import { CHUNKS } from './chunks.ts'
import { FIELDS } from './fields.ts'
import { FRAMING } from './framing.ts'
import { HOSTS } from './host.ts'
import { LINES } from './lines.ts'
import { REQUESTS } from './requests.ts'
import { RESPONSES } from './responses.ts'
import { TARGETS } from './target.ts'

export const REQUEST_CASES: Readonly<Record<string, readonly RequestCase[]>> = {
  framing: FRAMING,
  chunks: CHUNKS,
  lines: LINES,
  targets: TARGETS,
  hosts: HOSTS,
  fields: FIELDS,
  requests: REQUESTS,
}

export const RESPONSE_CASES: readonly ResponseCase[] = RESPONSES
