/** What a choice was like: counted for each, and for the call's span with more, asked only where the call is recorded. */
import type { Attributes } from '../core/span.ts'
import type { Parts } from './call.ts'
import type { Candidate } from './candidate.ts'
import type { Policies } from './policy.ts'
import type { Chooser, Upstream } from './upstream.ts'

/** Beyond so many candidates nobody looks at each to tell how many were eligible: it would cost more than the choice. */
const LOOKED_AT_MAX = 100

interface Choice {
  readonly upstream: Upstream
  readonly tried: readonly string[]
  readonly policy: Pick<Policies, 'balance'>
}

interface Chosen {
  readonly upstream: Upstream
  readonly candidate: Candidate
  readonly chooser: Chooser
}

/** To be told before outlier detection is, as that makes a probe of one that is out. */
export function countPick({ upstream, candidate, chooser }: Chosen, metrics: Parts['metrics']): void {
  const { service, outlier } = upstream
  metrics.picks.with(service, chooser.policy.name, candidate.id).value++
  if (!outlier.allIn() && !outlier.eligible(candidate.id)) metrics.panics.with(service).value++
  if (spillsOver(chooser.scopes, candidate)) metrics.spillOvers.with(service).value++
}

/** True where another zone is preferred. */
function spillsOver(scopes: Chooser['scopes'], { instance }: Candidate): boolean {
  const own = scopes?.zone && (typeof scopes.zone === 'string' ? scopes.zone : scopes.zone.own)
  return own ? instance.meta['zone'] !== own : false
}

/** To be asked before the candidate counts as tried. */
export function pickFacts(choice: Choice, candidate: Candidate, { policy, scopes }: Chooser): Attributes {
  const { id, instance } = candidate
  const { upstream, tried } = choice
  const isPlain = upstream.outlier.allIn() && policy.outside === undefined
  const states = isPlain || upstream.size > LOOKED_AT_MAX ? undefined : upstream.inspect(choice.policy.balance)
  const againstIt = states?.find((state) => state.instance.id === id)?.reason
  return {
    instance: id,
    policy: policy.name,
    candidates: upstream.size,
    eligible: isPlain ? upstream.size : states?.filter(({ eligible }) => eligible).length,
    in_spite: againstIt ?? (tried.includes(id) ? 'tried before' : undefined),
    scopes: scopes && Object.keys(scopes),
    zone: instance.meta['zone'],
    spill_over: spillsOver(scopes, candidate) || undefined,
  }
}
