/** The outbound path in running order: each step runs the one below it. The order is the design; each says why it stands there. */
import type { Handler, Layer, Parts } from './call.ts'
import { breaker } from './step/breaker.ts'
import { choose } from './step/choose.ts'
import { deadline } from './step/deadline.ts'
import { retry } from './step/retry.ts'
import { send } from './step/send.ts'
import { tailor } from './step/tailor.ts'

export const PIPELINE: readonly Layer[] = [
  // Must be above retry: one deadline, and one cancellation, for all attempts and the pauses between them.
  deadline,
  // Must be above breaker and choose: each attempt is judged by itself and may go to another instance.
  retry,
  // Must be above choose: it says who is not to be chosen. Must be below retry: it judges attempts, not calls.
  breaker,
  // Must be just above send: between the choice and the count of requests in flight nobody else may choose.
  choose,
  // Must be below choose: it asks what the chosen instance wants. It waits only for a version that was not met before.
  tailor,
  // Last: it answers.
  send,
]

const unanswered: Handler = () => Promise.reject(new Error('the last step of the pipeline must answer'))

export function buildPipeline(parts: Parts): Handler {
  return PIPELINE.reduceRight<Handler>((next, layer) => layer(parts, next), unanswered)
}
