/** The limits that there are, by what is written for `limit`. A new one is a file and a line here. */
import { adaptive } from './adaptive.ts'
import type { Limit } from './contract.ts'
import { fixed } from './fixed.ts'

/** `adaptive` (default) finds the number by itself, a number is fixed, false is no limit at all. */
export type LimitConfig = 'adaptive' | number | false

export const LIMITS: Readonly<Record<string, () => Limit>> = {
  adaptive: () => adaptive(),
}

/** Undefined = no limit. */
export function createLimit(config: LimitConfig = 'adaptive'): Limit | undefined {
  if (config === false) return undefined
  return typeof config === 'number' ? fixed(config) : LIMITS[config]!()
}

export function isLimit(value: unknown): value is LimitConfig {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 1
  return value === false || (typeof value === 'string' && Object.hasOwn(LIMITS, value))
}
