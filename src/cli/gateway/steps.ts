/**
 * Custom steps are functions, and a gateway's config in the registry is JSON. So under `skein up` a reference goes into the
 * registry in place of each function, and the gateway takes the function out of the config file that it was started with: the
 * registry says which steps run, but never which code. Changes of modules which the config imports are seen after a restart.
 */
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { GatewayConfig } from '../../gateway/contract.ts'

/** Stands for the function at `at`, a path into the gateway's config; another text of it is another version. */
interface StepReference {
  readonly at: readonly (string | number)[]
  readonly version: string
}

/** The config with references in place of functions. */
export function portable(config: GatewayConfig): GatewayConfig {
  return mapped(config, [], (value, at) =>
    typeof value === 'function' ? reference(value, at) : value,
  ) as GatewayConfig
}

export function hasSteps(config: GatewayConfig): boolean {
  return !isDeepStrictEqual(portable(config), config)
}

/** Puts the functions of the config that `load` gives in place of the references; one that is not there stays, to be refused. */
export async function withSteps(value: unknown, load: () => Promise<unknown>): Promise<unknown> {
  let found = false
  mapped(value, [], (part) => {
    found ||= isReference(part)
    return part
  })
  if (!found) return value
  const source = await load()
  return mapped(value, [], (part) => (isReference(part) ? (functionAt(source, part.at) ?? part) : part))
}

function reference(step: object, at: StepReference['at']): StepReference {
  return { at, version: createHash('sha256').update(String(step)).digest('hex').slice(0, 16) }
}

function isReference(value: unknown): value is StepReference {
  return typeof value === 'object' && value !== null && 'at' in value && 'version' in value && Array.isArray(value.at)
}

function functionAt(source: unknown, at: StepReference['at']): unknown {
  let value = source
  for (const key of at) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string | number, unknown>)[key]
  }
  return typeof value === 'function' ? value : undefined
}

/** A copy of `value`, each part given to `change` before what is inside it. */
function mapped(
  value: unknown,
  at: readonly (string | number)[],
  change: (value: unknown, at: readonly (string | number)[]) => unknown,
): unknown {
  const changed = change(value, at)
  if (changed !== value || typeof value !== 'object' || value === null) return changed
  if (Array.isArray(value)) return value.map((part, i) => mapped(part, [...at, i], change))
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, mapped(part, [...at, key], change)]))
}
