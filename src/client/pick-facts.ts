/** What a choice was like, for the call's span: asked only where the call is recorded. */
import type { Attributes } from '../core/span.ts'
import type { Policies } from './policy.ts'
import type { Candidate, Chooser, Upstream } from './upstream.ts'

/** Beyond so many candidates nobody looks at each to tell how many were eligible: it would cost more than the choice. */
const LOOKED_AT_MAX = 100

interface Choice {
  readonly upstream: Upstream
  readonly tried: readonly string[]
  readonly policy: Pick<Policies, 'balance'>
}

/** To be asked before the candidate counts as tried. */
export function pickFacts(choice: Choice, { id, instance }: Candidate, { policy, scopes }: Chooser): Attributes {
  const { upstream, tried } = choice
  const isPlain = upstream.outlier.allIn() && policy.outside === undefined
  const states = isPlain || upstream.size > LOOKED_AT_MAX ? undefined : upstream.inspect(choice.policy.balance)
  const againstIt = states?.find((state) => state.instance.id === id)?.reason
  const own = scopes?.zone && (typeof scopes.zone === 'string' ? scopes.zone : scopes.zone.own)
  const zone = instance.meta['zone']
  return {
    instance: id,
    policy: policy.name,
    candidates: upstream.size,
    eligible: isPlain ? upstream.size : states?.filter(({ eligible }) => eligible).length,
    in_spite: againstIt ?? (tried.includes(id) ? 'tried before' : undefined),
    scopes: scopes && Object.keys(scopes),
    zone,
    spill_over: own && zone !== own ? true : undefined,
  }
}
