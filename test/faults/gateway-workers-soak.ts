/** The same as gateway-soak for a gateway of two workers: no process of it may gather memory or sockets, none may die. */
import type { Fault } from './harness/contract.ts'
import { soak } from './harness/soak.ts'

export default {
  name: 'gateway-workers-soak',
  what: 'constant load on two workers for long, one call in ten to an upstream that breaks its answer in a random way',
  ci: false,
  limitMs: { long: 600_000 },
  run: (context) =>
    soak(context, {
      workers: 2,
      seconds: context.pick({ ci: 10, normal: 60, long: 180 }),
      ratePerSecond: context.pick({ ci: 200, normal: 500, long: 2000 }),
    }),
} satisfies Fault
