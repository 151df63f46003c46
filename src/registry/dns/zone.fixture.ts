/** The services that a real Consul was asked about (see golden.test.ts), in a state of their own. */

import { seeded } from '../../core/random.ts'
import { CLEAR } from '../acl/sight.ts'
import { applyChanges } from '../state/apply.ts'
import type { CheckInput, Register } from '../state/commands.ts'
import { decide } from '../state/decide.ts'
import type { Status, TextMap } from '../state/records.ts'
import { State } from '../state/state.ts'
import type { DnsView, FindQuery } from './contract.ts'
import { Directory } from './directory.ts'
import { type DnsOptions, dnsSettings } from './settings.ts'

export interface ServiceInput {
  readonly id: string
  readonly name: string
  readonly address?: string
  readonly port?: number
  readonly tags?: readonly string[]
  readonly weights?: { readonly Passing: number; readonly Warning: number }
  readonly status?: Status
}

export interface NodeInput {
  readonly name: string
  readonly address: string
  readonly meta?: TextMap
  readonly status?: Status
}

export const OWN_NODE: NodeInput = { name: 'node1', address: '127.0.0.1', meta: { 'consul-network-segment': '' } }

const WEIGHTS = { Passing: 5, Warning: 2 }

const OBSERVED: readonly ServiceInput[] = [
  { id: 'web-1', name: 'web', address: '127.0.0.11', port: 8001, tags: ['v1', 'Prod'], weights: WEIGHTS },
  { id: 'web-2', name: 'web', address: '127.0.0.12', port: 8002, tags: ['v2'], weights: WEIGHTS, status: 'warning' },
  { id: 'web-3', name: 'web', address: '127.0.0.13', port: 8003, status: 'critical' },
  { id: 'noaddr', name: 'noaddr' },
  { id: 'named', name: 'named', address: 'host.example.com' },
  { id: 'v6', name: 'v6', address: '::1' },
  { id: 'down', name: 'down', address: '127.0.0.20', status: 'critical' },
  { id: 'same-1', name: 'same', address: '127.0.0.30', port: 1 },
  { id: 'same-2', name: 'same', address: '127.0.0.30', port: 2 },
  ...many('many', 40),
]

export function many(name: string, count: number): ServiceInput[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `${name}-${i}`,
    name,
    address: `127.0.1.${i + 1}`,
    port: i + 1,
  }))
}

export function register(state: State, input: ServiceInput, on: NodeInput = OWN_NODE): void {
  run(state, { service: serviceBody(input), checks: [check(input.id, input.status ?? 'passing')] }, on)
}

export function registerNode(state: State, input: NodeInput): void {
  run(state, { checks: [check('', input.status ?? 'passing')] }, input)
}

function run(state: State, parts: Pick<Register, 'service' | 'checks'>, on: NodeInput): void {
  const node = { Node: on.name, ID: '', Address: on.address, TaggedAddresses: null, Meta: on.meta ?? null }
  const rest = { skipNodeUpdate: false, keepStatus: false, replaceChecks: false }
  applyChanges(state, decide(state, { type: 'register', node, ...parts, ...rest }).changes, state.index + 1)
}

function serviceBody({ id, name, address = '', port = 9, tags = [], weights }: ServiceInput) {
  const Weights = weights ?? { Passing: 1, Warning: 1 }
  return {
    ID: id,
    Service: name,
    Tags: tags,
    Address: address,
    Meta: null,
    Port: port,
    Weights,
    EnableTagOverride: false,
  }
}

function check(ServiceID: string, Status: Status): CheckInput {
  const texts = { Name: '', Notes: '', Output: '', Type: '', Interval: '', Timeout: '' }
  return { CheckID: `check:${ServiceID}`, ServiceID, Status, ...texts, Definition: {} }
}

/** Unix time at which all of this happens. */
export const NOW = 1_700_000_000

export interface ViewInput {
  readonly services?: readonly ServiceInput[]
  readonly settings?: DnsOptions
  readonly findQuery?: FindQuery
  readonly seed?: number
}

export function exampleView({ services = OBSERVED, settings, findQuery, seed = 1 }: ViewInput = {}): DnsView {
  const state = new State()
  registerNode(state, OWN_NODE)
  for (const service of services) register(state, service)
  return {
    state,
    directory: new Directory(state),
    settings: dnsSettings(settings),
    datacenter: 'dc1',
    node: OWN_NODE.name,
    random: seeded(seed),
    now: () => NOW,
    findQuery: findQuery ?? (() => undefined),
    sight: () => CLEAR,
  }
}
