/** Where a gateway's config says that secrets are found: what its container has to be given. Pure. */
import type { GatewayConfig } from '../../gateway/contract.ts'
import { isObject } from '../config/shape.ts'

export interface Secrets {
  /** Names of environment variables. */
  readonly variables: readonly string[]
  readonly files: readonly string[]
}

export function secretsOf(gateway: GatewayConfig): Secrets {
  const found = [...secretsIn(gateway)]
  const all = (key: 'env' | 'file') => [...new Set(found.flatMap(([is, value]) => (is === key ? [value] : [])))]
  return { variables: all('env'), files: all('file') }
}

/** Each `{ env }` and `{ file }` (gateway/secret.ts), wherever a rule has one, so that a new rule needs no line here. */
function* secretsIn(value: unknown): Iterable<readonly [key: string, value: string]> {
  if (!isObject(value) && !Array.isArray(value)) return
  const entries = Object.entries(value)
  const [[key, text] = []] = entries
  if (entries.length === 1 && (key === 'env' || key === 'file') && typeof text === 'string') yield [key, text]
  else for (const [, member] of entries) yield* secretsIn(member)
}
