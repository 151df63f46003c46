/** PUT /v1/acl/token, /v1/acl/token/:accessor and …/clone. The answer to a creation is the one place where a secret is shown. */
import { randomUUID } from 'node:crypto'
import { HIDDEN } from '../../acl/contract.ts'
import { hashSecret } from '../../acl/token.ts'
import type { TokenBody } from '../../state/acl-records.ts'
import type { TokenRecord } from '../../state/records.ts'
import { bare } from '../../state/records.ts'
import type { State } from '../../state/state.ts'
import { any, bool, duration, int, object, string } from '../decode.ts'
import { formatDuration } from '../duration.ts'
import { type Answer, type ApiRequest, json, lookTwice, type Registry } from '../endpoint.ts'
import { decodeAcl, isReserved, isUuid, LINKS, NODE_IDENTITIES, refuse, SERVICE_IDENTITIES, sameId } from './decode.ts'
import { grantsOf, linksOf } from './grants.ts'
import { showToken } from './show.ts'

const INPUT = object({
  AccessorID: string,
  SecretID: string,
  Description: string,
  Policies: LINKS,
  Roles: LINKS,
  ServiceIdentities: SERVICE_IDENTITIES,
  NodeIdentities: NODE_IDENTITIES,
  TemplatedPolicies: any,
  Local: bool,
  AuthMethod: string,
  ExpirationTTL: duration,
  ExpirationTime: string,
  CreateTime: string,
  Hash: string,
  CreateIndex: int,
  ModifyIndex: int,
})
type Input = ReturnType<typeof INPUT>

export async function createToken(request: ApiRequest, registry: Registry): Promise<Answer> {
  request.rights.require('acl', 'write')
  const input = await decodeAcl(request, 'Token', INPUT)
  refuseUnsupported(input)
  const AccessorID = chooseId(input.AccessorID, 'AccessorID')
  const secret = chooseId(input.SecretID === HIDDEN ? '' : input.SecretID, 'SecretID')
  const now = registry.clock.now()
  const expiry = expiryOf(input, now)
  const own = {
    AccessorID,
    secretHash: hashSecret(secret),
    CreateTime: new Date(now).toISOString(),
    ...(expiry === undefined ? {} : { ExpirationTime: new Date(expiry).toISOString() }),
    Local: input.Local ?? false,
  }
  return store(registry, secret, AccessorID, (state) => ({ ...own, ...contentOf(input, state) }))
}

const CLONE = '/clone'

export async function updateToken(request: ApiRequest, registry: Registry): Promise<Answer> {
  if (request.name.endsWith(CLONE)) return cloneToken(request.name.slice(0, -CLONE.length), request, registry)
  request.rights.require('acl', 'write')
  const input = await decodeAcl(request, 'Token', INPUT)
  refuseUnsupported(input)
  const accessor = sameId(request.name, input.AccessorID, 'Token Accessor ID in URL and payload do not match')
  if (!isUuid(accessor)) refuse('AccessorID is not a valid UUID')
  const before = await findToken(accessor, registry)
  if (before === undefined) refuse(`Cannot find token ${JSON.stringify(accessor)}`)
  refuseChanges(input, before)
  return store(registry, undefined, accessor, (state) => ({ ...bare(before), ...contentOf(input, state) }))
}

async function cloneToken(accessor: string, request: ApiRequest, registry: Registry): Promise<Answer> {
  request.rights.require('acl', 'write')
  const { Description = '' } = await decodeAcl(request, 'Token', INPUT, {})
  const original = await findToken(accessor, registry)
  if (original === undefined) refuse('Requested token does not exist: ACL not found', 404)
  const secret = randomUUID()
  const copy = {
    ...bare(original),
    AccessorID: randomUUID(),
    secretHash: hashSecret(secret),
    CreateTime: new Date(registry.clock.now()).toISOString(),
    Description: Description || original.Description,
  }
  return store(registry, secret, copy.AccessorID, () => copy)
}

async function findToken(accessor: string, registry: Registry): Promise<TokenRecord | undefined> {
  const { tokens } = registry.store.state.acl
  await lookTwice(registry, () => tokens.has(accessor))
  const token = tokens.get(accessor)
  return token === undefined || registry.access.isExpired(token) ? undefined : token
}

/** @param secret of a new token. @param make gives it what it grants, which is looked for in the state that is written to. */
async function store(
  { store }: Registry,
  secret: string | undefined,
  accessor: string,
  make: (state: State) => TokenBody,
): Promise<Answer> {
  const isNew = secret !== undefined
  await store.write((state) => ({ type: 'acl', action: { kind: 'token-set', token: make(state), isNew } }))
  return json(showToken(store.state, store.state.acl.tokens.get(accessor)!, secret))
}

function refuseUnsupported({ AuthMethod = '', TemplatedPolicies }: Input): void {
  if (AuthMethod !== '') refuse('AuthMethod field is disallowed outside of Login')
  if (Array.isArray(TemplatedPolicies) && TemplatedPolicies.length > 0) {
    refuse('Templated policies are not supported here: give service and node identities, or policies')
  }
}

/** Consul wants UUIDs, which is what makes a plain hash of a secret safe to store. */
function chooseId(given = '', what: string): string {
  if (given === '') return randomUUID()
  if (!isUuid(given)) refuse(`Invalid Token: ${what} is not a valid UUID`)
  if (isReserved(given))
    refuse(`Invalid Token: UUIDs with the prefix "00000000-0000-0000-0000-0000000000" are reserved`)
  return given
}

function contentOf(input: Input, state: State) {
  return {
    Description: input.Description ?? '',
    Roles: linksOf(input.Roles, 'role', state.acl.roles, (name) => state.acl.roleNamed(name)),
    ...grantsOf(input, state, 'token'),
  }
}

const EXPIRY_MIN_MS = 60_000
const EXPIRY_MAX_MS = 24 * 3_600_000

/** When, in ms. */
function expiryOf({ ExpirationTTL = 0, ExpirationTime = '' }: Input, now: number): number | undefined {
  if (ExpirationTTL < 0) refuse(`Token Expiration TTL '${formatDuration(ExpirationTTL)}' should be > 0`)
  if (ExpirationTTL > 0 && ExpirationTime !== '') {
    refuse('Token Expiration TTL and Expiration Time cannot both be set')
  }
  if (ExpirationTTL === 0 && ExpirationTime === '') return undefined
  const at = ExpirationTTL > 0 ? now + ExpirationTTL : parseTime(ExpirationTime)
  const left = at - now
  const was = `(was ${formatDuration(Math.abs(left))})`
  if (left < 0) refuse('ExpirationTime cannot be before CreateTime')
  if (left > EXPIRY_MAX_MS)
    refuse(`ExpirationTime cannot be more than ${formatDuration(EXPIRY_MAX_MS)} in the future ${was}`)
  if (left < EXPIRY_MIN_MS)
    refuse(`ExpirationTime cannot be less than ${formatDuration(EXPIRY_MIN_MS)} in the future ${was}`)
  return at
}

function parseTime(text: string): number {
  const at = Date.parse(text)
  return Number.isNaN(at) ? refuse(`Token decoding failed: cannot parse ${JSON.stringify(text)} as a time`, 400) : at
}

function refuseChanges(input: Input, before: TokenRecord): void {
  const { AccessorID } = before
  const { SecretID = '', Local = before.Local, ExpirationTTL = 0, ExpirationTime = '' } = input
  if (SecretID !== '' && SecretID !== HIDDEN && hashSecret(SecretID) !== before.secretHash) {
    refuse('Changing a tokens SecretID is not permitted')
  }
  if (Local !== before.Local) refuse(`cannot toggle local mode of ${AccessorID}`)
  const expires = ExpirationTime === '' ? before.ExpirationTime : new Date(parseTime(ExpirationTime)).toISOString()
  if (ExpirationTTL !== 0 || expires !== before.ExpirationTime) refuse(`Cannot change expiration time of ${AccessorID}`)
}
