/** Picks the instance: from the snapshot's fit ones, those not tried in this call and let through by the breaker, by policy. */
import type { Call, Handler, Layer, Parts } from '../call.ts'
import { registrySilent } from '../failure.ts'
import { countPick, pickFacts } from '../pick-facts.ts'
import type { Upstream } from '../upstream.ts'

export const choose: Layer = (parts, next) => {
  const proceed: Handler = (call) => {
    try {
      pick(call, parts)
      return next(call)
    } catch (error) {
      // Of a policy, or of what tailors and tells of the request: a step rejects. Those above may run this from a timer, where a
      // throw would end the process, and have taken places that only an end gives back.
      return Promise.reject(error)
    }
  }
  return (call) => (call.upstream.known ? proceed(call) : firstSnapshot(call).then(() => proceed(call)))
}

function pick(call: Call, { metrics }: Parts): void {
  const { upstream, attempt, request, policy, tried } = call
  const { candidate, chooser } = upstream.pick({
    balance: policy.balance,
    hashKey: request.hashKey,
    tried,
    able: ableFor(call),
  })
  call.span?.decide('pick', pickFacts(call, candidate, chooser))
  countPick({ upstream, candidate, chooser }, metrics)
  attempt.candidate = candidate
  if (!tried.includes(candidate.id)) tried.push(candidate.id)
  // Here and not in the breaker, because a probe's place is taken by choosing. Of gRPC only probes are waited for, as the head
  // of an answer may rightly take minutes there: silence is what answers no PING (src/wire/h2-session.ts).
  attempt.awaited = request.grpc === undefined || isOut(upstream, candidate.id)
  if (attempt.awaited) upstream.outlier.started(candidate.id)
}

function isOut({ outlier }: Upstream, id: string): boolean {
  return !outlier.allIn() && outlier.state(id).reason !== undefined
}

/** Those whose version can serve the request; undefined where all can. */
export function ableFor({ request: { tailoring }, upstream }: Call): ((id: string) => boolean) | undefined {
  if (tailoring === undefined || upstream.contracts.every((contract) => tailoring.suits(contract))) return undefined
  const suited = upstream.instances.filter(({ meta }) => tailoring.suits(meta.contract))
  const able = new Set(suited.map(({ id }) => id))
  return (id) => able.has(id)
}

/** Waits for the registry's first word; the call's end ends it. */
async function firstSnapshot(call: Call): Promise<void> {
  const stop = new AbortController()
  const forget = call.cancel.on((reason) => {
    const late = reason.code === 'DEADLINE_EXCEEDED'
    stop.abort(late ? registrySilent(call.request.service) : reason)
  })
  try {
    await call.upstream.ready(stop.signal)
  } finally {
    forget()
  }
}
