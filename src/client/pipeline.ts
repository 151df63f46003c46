/**
 * The outbound path in running order: each step runs the one below it. The order is the design; each says why it stands there. What
 * a call has no use for is not in its pipeline.
 */
import type { Handler, Layer, Parts } from './call.ts'
import type { Policies } from './policy.ts'
import { breaker } from './step/breaker.ts'
import { bulkhead } from './step/bulkhead.ts'
import { choose } from './step/choose.ts'
import { circuit } from './step/circuit.ts'
import { deadline } from './step/deadline.ts'
import { hedge } from './step/hedge.ts'
import { recordAttempt, recordCall } from './step/record.ts'
import { retry } from './step/retry.ts'
import { send } from './step/send.ts'
import { tailor } from './step/tailor.ts'

type Entry = readonly [isWanted: (policy: Policies, parts: Parts) => unknown, layer: Layer]
const always = () => true
/** For a process and not by call. */
const whereRecorded = (_: Policies, { tracer }: Parts) => tracer !== undefined

export const PIPELINE: readonly Entry[] = [
  // Must be outermost: it tells how the call ends, whoever ends it.
  [whereRecorded, recordCall],
  // Must be above retry: one deadline, and one cancellation, for all attempts and the pauses between them.
  [always, deadline],
  // Must be above bulkhead: what is not to be asked does not wait for its turn. Must be above retry: it judges calls, not attempts.
  [({ circuit }) => circuit, circuit],
  // Must be below deadline, which ends the wait. Must be above retry: it counts calls, and a call keeps its place.
  [({ bulkhead }) => bulkhead, bulkhead],
  // Must be above breaker and choose: each attempt is judged by itself and may go to another instance.
  [always, retry],
  // Must be below retry: both legs are one attempt of its. Must be above breaker: each is judged by itself.
  [({ hedge }) => hedge, hedge],
  // Must be above choose, whose choice it judges. Must be below retry: it judges attempts, not calls.
  [always, breaker],
  // Must be just above send: between the choice and the count of requests in flight nobody else may choose.
  [always, choose],
  // Must be below choose: it asks what the chosen instance wants. It waits only for a version that was not met before.
  [always, tailor],
  // Must be below choose, whose choice it tells of; just above send, whose attempt it is.
  [whereRecorded, recordAttempt],
  // Last: it answers.
  [always, send],
]

const OPTIONAL = PIPELINE.filter(([isWanted]) => isWanted !== always && isWanted !== whereRecorded)
const unanswered: Handler = () => Promise.reject(new Error('the last step of the pipeline must answer'))

/** The pipeline for calls under a policy; made once for each set of steps. */
export function buildPipelines(parts: Parts): (policy: Policies) => Handler {
  const made: Handler[] = []
  return (policy) => {
    let wanted = 0
    for (let i = 0; i < OPTIONAL.length; i++) if (OPTIONAL[i]![0](policy, parts)) wanted |= 1 << i
    const handler = made[wanted] ?? buildPipeline(parts, policy)
    made[wanted] = handler
    return handler
  }
}

function buildPipeline(parts: Parts, policy: Policies): Handler {
  const layers = PIPELINE.filter(([isWanted]) => isWanted(policy, parts)).map(([, layer]) => layer)
  return layers.reduceRight<Handler>((next, layer) => layer(parts, next), unanswered)
}
