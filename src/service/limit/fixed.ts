/** So many at a time, whatever happens: for who knows the number, a pool of connections to a database say. */
import type { Limit } from './contract.ts'

export function fixed(value: number): Limit {
  return { value, exploring: false, ended() {}, pressed() {} }
}
