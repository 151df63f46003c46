/** Which token, policy or role is meant: by ID, by the beginning of one that fits no other, by name. */
import { Failure } from '../../command.ts'
import type { Api } from '../api.ts'
import type { FlagValues } from '../contract.ts'
import type { NAMED_FLAGS, TOKEN_ID_FLAGS } from './flags.ts'
import type { Policy, Role, Token } from './shapes.ts'

const UUID_LENGTH = 36

/** @throws Failure when none or several begin like this. */
export async function tokenId(api: Api, flags: FlagValues<typeof TOKEN_ID_FLAGS>): Promise<string> {
  const given = flags['accessor-id'] ?? flags.id
  if (given === undefined || given === '') throw new Failure('Must specify the -accessor-id parameter')
  return wholeId(given, async () => {
    const { body } = await api.get('/v1/acl/tokens')
    return (body as Token[]).map(({ AccessorID }) => AccessorID)
  })
}

/** @throws Failure when none has the name, or none or several begin like this. */
export async function namedId(
  api: Api,
  kind: 'policy' | 'role',
  { id, name }: FlagValues<typeof NAMED_FLAGS>,
): Promise<string> {
  if (id !== undefined && id !== '') {
    return wholeId(id, async () => {
      const { body } = await api.get(kind === 'policy' ? '/v1/acl/policies' : '/v1/acl/roles')
      return (body as (Policy | Role)[]).map(({ ID }) => ID)
    })
  }
  if (name === undefined || name === '') throw new Failure('Must specify either the -id or -name parameters')
  const { status, body } = await api.get(`/v1/acl/${kind}/name/${encodeURIComponent(name)}`)
  if (status === 404) throw new Failure(`No such ${kind} with name ${JSON.stringify(name)}`)
  return (body as Policy | Role).ID
}

async function wholeId(given: string, all: () => Promise<string[]>): Promise<string> {
  if (given.length === UUID_LENGTH) return given
  const found = (await all()).filter((id) => id.startsWith(given.toLowerCase()))
  if (found.length === 1) return found[0]!
  throw new Failure(`${found.length === 0 ? 'No' : 'More than one'} ID begins with ${JSON.stringify(given)}`)
}

/** @throws Failure when it has gone meanwhile. */
export async function readOne<T>(api: Api, path: string, params = {}): Promise<T> {
  const { status, body } = await api.get(path, params)
  if (status === 404) throw new Failure(`Unexpected response code: 404 (${path.split('/').at(-1)} does not exist)`)
  return body as T
}
