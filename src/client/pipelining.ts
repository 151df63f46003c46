/**
 * Requests that share a connection (src/wire/shared.ts). An instance says in its registration how many it serves side by side;
 * Skein's own services do. Pure.
 */
import type { Instance } from '../discovery/contract.ts'

/** In the instance's metadata. */
export const PIPELINING_KEY = 'pipelining'

const MAX = 64

/** How many requests one connection to the instance may carry; 1 where it does not say. */
export function pipeliningOf(meta: Instance['meta'] | undefined): number {
  const said = meta?.[PIPELINING_KEY]
  return said !== undefined && /^\d{1,3}$/.test(said) ? Math.min(Number(said), MAX) : 1
}
