/** Tokens, policies and roles as Consul's command prints them. */
import { Failure } from '../../command.ts'
import type { ConsulCall } from '../contract.ts'
import type { SHOW_FLAGS } from './flags.ts'
import type { Common, Grants, Policy, Role, Token } from './shapes.ts'

type Call = ConsulCall<typeof SHOW_FLAGS>

/** How a thing is shown to people; with `meta` also its hash and indexes. */
export type Lines<T> = (thing: T, meta: boolean) => readonly string[]

/** One thing, by the flags of the call. */
export function print<T>(call: Call, thing: T, lines: Lines<T>): void {
  const { out } = call.terminal
  if (isJson(call)) out.line(JSON.stringify(thing, null, 4))
  else for (const line of lines(thing, call.flags.meta === true)) out.line(line)
}

/** What a write answered with, as JSON. */
export function printText<T>(call: Call, text: string, lines: Lines<T>): void {
  print(call, JSON.parse(text) as T, lines)
}

export function printList<T>(call: Call, things: readonly T[], lines: Lines<T>): void {
  const { out } = call.terminal
  if (isJson(call)) out.line(JSON.stringify(things, null, 4))
  else for (const thing of things) for (const line of lines(thing, call.flags.meta === true)) out.line(line)
}

function isJson({ flags: { format = 'pretty' } }: Call): boolean {
  if (format === 'json' || format === 'pretty') return format === 'json'
  throw new Failure(`Unknown format: ${format}`, 'Write -format=pretty or -format=json.')
}

const TOKEN_WIDTH = 18
const NAME_WIDTH = 14
const cell = (label: string, value: string | number | boolean, width: number) =>
  `${`${label}:`.padEnd(width)}${value}`.trimEnd()

export function tokenLines(token: Token, meta: boolean): string[] {
  const line = (label: string, value: string | number | boolean) => cell(label, value, TOKEN_WIDTH)
  return [
    line('AccessorID', token.AccessorID),
    line('SecretID', token.SecretID),
    line('Description', token.Description),
    line('Local', token.Local),
    line('Create Time', token.CreateTime),
    ...(token.ExpirationTime === undefined ? [] : [line('Expiration Time', token.ExpirationTime)]),
    ...metaLines(token, meta, TOKEN_WIDTH),
    ...grantLines(token),
    ...listLines(
      'Roles',
      (token.Roles ?? []).map(({ ID, Name }) => `${ID} - ${Name}`),
    ),
  ]
}

export const tokenListLines = (token: Token, meta: boolean) => [...tokenLines(token, meta), '']

export function policyLines(policy: Policy, meta: boolean): string[] {
  return [
    cell('ID', policy.ID, NAME_WIDTH),
    cell('Name', policy.Name, NAME_WIDTH),
    cell('Description', policy.Description, NAME_WIDTH),
    cell('Datacenters', (policy.Datacenters ?? []).join(', '), NAME_WIDTH),
    ...metaLines(policy, meta, NAME_WIDTH),
    'Rules:',
    policy.Rules ?? '',
  ]
}

export function policyListLines(policy: Policy, meta: boolean): string[] {
  const lines = policyLines(policy, meta).slice(0, -2)
  return [`${policy.Name}:`, ...lines.filter((line) => !line.startsWith('Name:')).map((line) => `   ${line}`)]
}

export function roleLines(role: Role, meta: boolean): string[] {
  return [
    cell('ID', role.ID, NAME_WIDTH),
    cell('Name', role.Name, NAME_WIDTH),
    cell('Description', role.Description, NAME_WIDTH),
    ...metaLines(role, meta, NAME_WIDTH),
    ...grantLines(role),
  ]
}

export function roleListLines(role: Role, meta: boolean): string[] {
  const lines = roleLines(role, meta).filter((line) => !line.startsWith('Name:'))
  return [`${role.Name}:`, ...lines.map((line) => `   ${line}`)]
}

function metaLines({ Hash, CreateIndex, ModifyIndex }: Common, meta: boolean, width: number): string[] {
  if (!meta) return []
  const fields = [
    ['Hash', Hash] as const,
    ['Create Index', CreateIndex] as const,
    ['Modify Index', ModifyIndex] as const,
  ]
  return fields.map(([label, value]) => cell(label, value, width))
}

function grantLines({ Policies = [], ServiceIdentities = [], NodeIdentities = [] }: Grants): string[] {
  const services = ServiceIdentities.map(
    ({ ServiceName, Datacenters }) => `${ServiceName} (Datacenters: ${Datacenters?.join(', ') ?? 'all'})`,
  )
  return [
    ...listLines(
      'Policies',
      Policies.map(({ ID, Name }) => `${ID} - ${Name}`),
    ),
    ...listLines('Service Identities', services),
    ...listLines(
      'Node Identities',
      NodeIdentities.map(({ NodeName, Datacenter }) => `${NodeName} (Datacenter: ${Datacenter})`),
    ),
  ]
}

function listLines(label: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`${label}:`, ...items.map((item) => `   ${item}`)]
}
