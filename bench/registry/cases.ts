import { GROWTH } from './case/growth.ts'
import { HEALTH, KEYS } from './case/reads-and-keys.ts'
import { CATALOG, REGISTER } from './case/register.ts'
import { RESTART } from './case/restart.ts'
import { WATCH_MANY, WATCH_ONE } from './case/watch.ts'
import type { RegistryCase } from './contract.ts'

export const CASES: readonly RegistryCase[] = [
  ...[REGISTER, CATALOG, HEALTH, KEYS, WATCH_ONE, WATCH_MANY, RESTART, GROWTH],
]
