import type { RegistryCase } from '../contract.ts'
import { load, rowOf } from '../load.ts'
import { get, health, PER_SERVICE, put, register } from '../requests.ts'

const CONNECTIONS = 32

export const HEALTH: RegistryCase = {
  name: 'health',
  what: 'health/service?passing with 50 instances, 32 connections',
  goals: [{ row: 'get', figure: 'per_s', against: 'consul', atLeast: 5 }],
  async run({ start, seconds }) {
    const registry = await start()
    await load(registry, { connections: 8, count: PER_SERVICE, request: register })
    return [rowOf('get', await load(registry, { connections: CONNECTIONS, seconds, request: () => health(0) }))]
  },
}

export const KEYS: RegistryCase = {
  name: 'kv',
  what: 'KV put, durable, and get: 10,000 keys, 100 bytes, 32 connections',
  goals: [
    { row: 'put', figure: 'per_s', against: 'consul', atLeast: 1 },
    { row: 'get', figure: 'per_s', against: 'consul', atLeast: 1 },
  ],
  async run({ start, seconds }) {
    const registry = await start()
    await load(registry, { connections: CONNECTIONS, count: 10_000, request: put })
    const puts = await load(registry, { connections: CONNECTIONS, seconds, request: (i) => put(i + 1) })
    const gets = await load(registry, { connections: CONNECTIONS, seconds, request: get })
    return [rowOf('put', puts), rowOf('get', gets)]
  },
}
