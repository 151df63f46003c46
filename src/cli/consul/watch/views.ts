/** What can be watched: a view is one blocking query. A new one is a line of the table. */
import { kvPath } from '../../../discovery/consul-client.ts'
import { Failure } from '../../command.ts'

export interface View {
  readonly path: string
  readonly params: Readonly<Record<string, string | readonly string[] | true | undefined>>
  /** Of events the new ones are told, not all that are there. */
  readonly isEvents?: boolean
  /** What is shown of the answer; of none (status 404) it is null. */
  shape(body: unknown): unknown
}

export interface ViewFlags {
  readonly type?: string | undefined
  readonly key?: string | undefined
  readonly prefix?: string | undefined
  readonly service?: string | undefined
  readonly tag?: readonly string[] | undefined
  readonly passing: boolean
  readonly state?: string | undefined
  readonly name?: string | undefined
}

const whole = (body: unknown) => body ?? null

export const VIEWS: Readonly<Record<string, (flags: ViewFlags) => View>> = {
  key: ({ key }) => ({
    path: kvPath(need('key', key)),
    params: {},
    shape: (body) => (body as unknown[] | undefined)?.[0] ?? null,
  }),
  keyprefix: ({ prefix }) => ({ path: kvPath(need('prefix', prefix)), params: { recurse: true }, shape: whole }),
  services: () => ({ path: '/v1/catalog/services', params: {}, shape: whole }),
  nodes: () => ({ path: '/v1/catalog/nodes', params: {}, shape: whole }),
  service: ({ service, tag, passing }) => ({
    path: `/v1/health/service/${encodeURIComponent(need('service', service))}`,
    params: { tag, passing: passing || undefined },
    shape: whole,
  }),
  checks: ({ service, state = 'any' }) => ({
    path:
      service === undefined
        ? `/v1/health/state/${encodeURIComponent(state)}`
        : `/v1/health/checks/${encodeURIComponent(service)}`,
    params: {},
    shape: whole,
  }),
  event: ({ name }) => ({ path: '/v1/event/list', params: { name }, isEvents: true, shape: whole }),
}

/** @throws Failure for a type that is not there, or one that lacks a flag. */
export function viewOf(flags: ViewFlags): View {
  const { type } = flags
  if (type === undefined)
    throw new Failure('Watch type must be specified', `-type is one of ${Object.keys(VIEWS).join(', ')}.`)
  if (!Object.hasOwn(VIEWS, type))
    throw new Failure(`Unsupported watch type: ${type}`, `There are ${Object.keys(VIEWS).join(', ')}.`)
  return VIEWS[type]!(flags)
}

function need(flag: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new Failure(`This type of watch needs its ${flag}`, `Give -${flag}=….`)
  return value
}
