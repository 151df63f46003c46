/** What differs between the config that runs and the one just saved. Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { ServiceSpec } from '../../fleet/contract.ts'
import type { Plan } from './plan.ts'

export type Change =
  /** Other routes or other settings of the gateway that it takes while running. */
  | { readonly kind: 'gateway' }
  | { readonly kind: 'scale'; readonly service: string; readonly instances: number }
  | { readonly kind: 'weights'; readonly spec: ServiceSpec }
  /** Another program, environment or folder: the instances are restarted one by one. */
  | { readonly kind: 'restart'; readonly spec: ServiceSpec }
  | { readonly kind: 'start'; readonly spec: ServiceSpec }
  | { readonly kind: 'remove'; readonly service: string }
  /** Takes effect only when `skein up` is started again. */
  | { readonly kind: 'later'; readonly what: string }

/** In the order in which they are to be made: what runs first, then the routes that may lead there. */
export function changesBetween(before: Plan, after: Plan): Change[] {
  const known = new Map(before.services.map((spec) => [spec.name, spec]))
  const names = new Set(after.services.map(({ name }) => name))
  return [
    ...after.services.flatMap((spec) => changesOf(known.get(spec.name), spec)),
    ...gatewayChanges(before, after),
    ...[...known.keys()].filter((name) => !names.has(name)).map((service) => ({ kind: 'remove', service }) as const),
    ...(isDeepStrictEqual(before.registry, after.registry) ? [] : [{ kind: 'later', what: 'registry' } as const]),
  ]
}

function changesOf(before: ServiceSpec | undefined, after: ServiceSpec): Change[] {
  const { name: service, instances } = after
  const start = { kind: 'start', spec: after } as const
  if (before === undefined) return [start]
  // The fleet gives ports to a service once and for all.
  if (before.port !== after.port) return [{ kind: 'remove', service }, start]
  const changes: Change[] = []
  const restart = !isDeepStrictEqual(programOf(before), programOf(after))
  if (restart) changes.push({ kind: 'restart', spec: after })
  else if (!isDeepStrictEqual(before.weights, after.weights)) changes.push({ kind: 'weights', spec: after })
  if (before.instances !== instances) changes.push({ kind: 'scale', service, instances })
  return changes
}

function programOf({ entry, command, cwd, env, healthPath }: ServiceSpec): unknown {
  return [entry, command, cwd, env, healthPath]
}

/** The listening socket stays; everything else a gateway swaps while it runs. */
function gatewayChanges({ gateway: before }: Plan, { gateway: after }: Plan): Change[] {
  if (before === undefined && after === undefined) return []
  if (before === undefined || after === undefined) return [{ kind: 'later', what: 'gateway' }]
  const { port, host } = before.config
  const changes: Change[] = []
  if (!isDeepStrictEqual(before.config, { ...after.config, port, host })) changes.push({ kind: 'gateway' })
  if (after.config.port !== port) changes.push({ kind: 'later', what: 'gateway.port' })
  if (after.config.host !== host) changes.push({ kind: 'later', what: 'gateway.host' })
  return changes
}
