import { residentBytes } from '../../harness/process.ts'
import type { Context, RegistryCase, Row } from '../contract.ts'
import { type Loaded, load, rowOf } from '../load.ts'
import { catalogRegister, register } from '../requests.ts'

const CONNECTIONS = 64
const PART = 1000

export const REGISTER: RegistryCase = {
  name: 'register',
  what: 'agent/service/register, durable, 64 connections, from an empty registry on; MB at the end',
  goals: [
    { row: 'all', figure: 'per_s', against: 'consul', atLeast: 8 },
    { row: 'last 1000', figure: 'per_s', against: { row: 'first 1000' }, atLeast: 0.7 },
  ],
  async run(context) {
    const registry = await context.start()
    const loaded = await load(registry, { connections: CONNECTIONS, count: context.instances, request: register })
    return [withMemory(rowOf('all', loaded), registry.pid), ...ends(loaded)]
  },
}

export const CATALOG: RegistryCase = {
  name: 'catalog',
  what: 'catalog/register instead: the way around the agent, which in Consul is the cheaper one',
  goals: [],
  async run(context: Context) {
    const registry = await context.start()
    const loaded = await load(registry, {
      connections: CONNECTIONS,
      count: context.instances,
      request: catalogRegister,
    })
    return [withMemory(rowOf('all', loaded), registry.pid), ...ends(loaded)]
  },
}

function withMemory({ name, figures }: Row, pid: number): Row {
  return { name, figures: { ...figures, mb: residentBytes(pid) / 1e6 } }
}

function ends({ times }: Loaded): Row[] {
  const rate = (from: number, to: number) => ({ per_s: ((to - from) / (times[to]! - (times[from] ?? 0))) * 1000 })
  const last = times.length - 1
  return [
    { name: 'first 1000', figures: rate(0, Math.min(PART, last)) },
    { name: 'last 1000', figures: rate(Math.max(0, last - PART), last) },
  ]
}
