/**
 * Why a write happens, from the request or check to the store without every function between passing it on. A timer that
 * a request starts would inherit the request: whoever writes from a timer says so with `because`.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Origin } from './contract.ts'

const origins = new AsyncLocalStorage<Origin>()

export function because<T>(origin: Origin, run: () => T): T {
  return origins.run(origin, run)
}

export function currentOrigin(): Origin {
  return origins.getStore() ?? { Cause: 'unknown' }
}
