/** Who of the registered may be chosen, by the registry's word alone. Pure. */
import type { Instance } from '../discovery/contract.ts'
import type { Candidate } from './candidate.ts'

export interface Offer {
  readonly offered: readonly Candidate[]
  /** Whom the registry calls critical, while it does not say so of all: it may be wrong, so they are asked when all others are out. */
  readonly reserve: readonly Candidate[]
  /** Weight 0 by whoever drains them: what is new goes elsewhere, sessions stay until they have gone. */
  readonly leaving: readonly Candidate[]
}

export function offerOf(candidates: readonly Candidate[]): Offer {
  const isCritical = ({ instance }: Candidate) => instance.status === 'critical'
  const leaving = candidates.filter((one) => one.instance.weight === 0 && !isCritical(one))
  const weighted = candidates.filter(({ instance }) => instance.weight > 0)
  const fit = weighted.filter((one) => !isCritical(one))
  return fit.length > 0
    ? { offered: fit, reserve: weighted.filter(isCritical), leaving }
    : { offered: weighted, reserve: [], leaving }
}

export function whyNotOffered({ weight, status }: Instance): string {
  return weight === 0 ? 'weight 0: it gets no requests' : `registry says ${status}`
}
