/**
 * What to believe of a registry's answers. Pure. An instance wrongly kept costs a refused connection, which is retried
 * elsewhere; one wrongly dropped costs calls. So bad news is believed only from a registry that remembers the past:
 *
 * 1. While the index goes forward and instances remain, an answer is believed as it stands: deregistering, draining and
 *    scaling down take effect at once.
 * 2. An answer never empties a set. The last instances known stay, doubted, until a non-empty answer comes, and whether
 *    they still serve is judged by traffic: after `scale x=0` calls end at once in refused connections, and a registry
 *    that was wiped, or answers `[]` by mistake, costs nothing. Price: the last instances are tried in vain.
 * 3. After an empty answer, or when the index has gone back (a registry wiped or rolled back), instances that the answers
 *    lack are held for HOLD_MS: long enough for every living one to register again (kits do within 10 s), so that load
 *    does not fall on the first to be back.
 *
 * Not chosen: to believe an empty answer when the index went forward. A proxy that answers `[]` may pass the index on.
 */
import type { Instance } from './contract.ts'

export const HOLD_MS = 15_000

export interface Belief {
  /** What to use. */
  readonly instances: readonly Instance[]
  /** True when some of them are not in the registry's last answer. */
  readonly doubted: boolean
  /** The registry's last answer and its index. */
  readonly answered: readonly Instance[]
  readonly index: number
  /** Monotonic ms until which absent instances are held. */
  readonly holdUntil: number
}

/** The belief after an answer; `before` is undefined for the first one. */
export function believe(before: Belief | undefined, answered: readonly Instance[], index: number, now: number): Belief {
  if (before === undefined) return { instances: answered, doubted: false, answered, index, holdUntil: now }
  const emptied = answered.length === 0 && before.answered.length > 0
  const holdUntil = emptied || index < before.index ? now + HOLD_MS : before.holdUntil
  return settle({ ...before, answered, index, holdUntil }, now)
}

/** The same answer, looked at again at `now`: what was held too long is let go. */
export function settle(belief: Belief, now: number): Belief {
  const { answered, holdUntil } = belief
  const held = answered.length === 0 || now < holdUntil ? absent(belief.instances, answered) : []
  return { ...belief, instances: [...answered, ...held], doubted: held.length > 0 }
}

/** Those of `known` which `answered` lacks, but for those whose address another instance has now. */
function absent(known: readonly Instance[], answered: readonly Instance[]): Instance[] {
  const taken = new Set(answered.flatMap(({ id, address, port }) => [id, `${address}:${port}`]))
  return known.filter(({ id, address, port }) => !taken.has(id) && !taken.has(`${address}:${port}`))
}
