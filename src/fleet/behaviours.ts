/** All behaviours of a run. To add one: a file in `behaviour/` and a line here, with the reason for its place. */
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { holdRepeats } from './behaviour/hold-repeats.ts'
import { keepOutput } from './behaviour/keep-output.ts'
import { liveness } from './behaviour/liveness.ts'
import { readiness } from './behaviour/readiness.ts'
import { startLimit } from './behaviour/start-limit.ts'
import type { Behaviour } from './behaviour.ts'
import type { LogLine } from './contract.ts'
import type { Host } from './host.ts'

export interface BehaviourDeps {
  readonly clock: Clock
  readonly random: Random
  readonly host: Host
  /** Takes each line that people shall see. */
  write(line: LogLine): void
}

export function behaviours(deps: BehaviourDeps): readonly Behaviour[] {
  const repeats = holdRepeats(deps.write)
  return [
    // Must be above hold-repeats: at the end it finishes the last line, which still has to pass there.
    keepOutput(deps.clock, repeats.write),
    // Must be below keep-output. No other constraint.
    repeats,
    // Must be above readiness: the limit counts from the launch, not from the first question.
    startLimit(),
    // Must be above liveness: only what has served once can be missed.
    readiness(deps.host),
    // Must be below readiness. No other constraint.
    liveness(deps.host, deps.clock, deps.random),
  ]
}
