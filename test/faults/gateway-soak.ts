/**
 * The gateway under constant load for long, while its upstreams break at random: one of three services is good, one breaks its
 * answers in a way that is drawn, one has a good and a breaking instance. Memory and sockets must be at the end what they
 * were in the middle, and nothing may hang or be truncated unseen.
 */
import type { Fault } from './harness/contract.ts'
import { soak } from './harness/soak.ts'

export default {
  name: 'gateway-soak',
  what: 'constant load for long, one call in ten to an upstream that breaks its answer in a random way',
  ci: false,
  limitMs: { long: 900_000 },
  run: (context) =>
    soak(context, {
      workers: 1,
      seconds: context.pick({ ci: 10, normal: 60, long: 600 }),
      ratePerSecond: context.pick({ ci: 200, normal: 500, long: 2000 }),
    }),
} satisfies Fault
