/** A closed registry with tokens of several kinds and something to see in it. */
import type { RegistryOptions } from '../index.ts'
import { type Reply, testRegistry } from '../test-kit.fixture.ts'

export const MASTER = '11111111-1111-1111-1111-111111111111'

export interface Made {
  readonly AccessorID: string
  readonly SecretID: string
}

export async function closedRegistry(options: RegistryOptions = {}) {
  const registry = await testRegistry({ acl: { initialManagement: MASTER }, ...options })
  const methods = { GET: registry.get, PUT: registry.put, POST: registry.post, DELETE: registry.delete }
  const ask = (method: string, path: string, token?: string, body?: unknown): Promise<Reply> =>
    methods[method as 'GET'](path, body, token === undefined ? {} : { 'x-consul-token': token })
  const asMaster = async (method: string, path: string, body?: unknown) => {
    const reply = await ask(method, path, MASTER, body)
    if (reply.status !== 200) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`)
    return reply
  }
  const makePolicy = (Name: string, Rules: string) => asMaster('PUT', '/v1/acl/policy', { Name, Rules })
  const makeToken = async (Description: string, grants: object): Promise<Made> =>
    (await asMaster('PUT', '/v1/acl/token', { Description, ...grants })).json() as Made
  return {
    ...registry,
    ask,
    asMaster,
    makePolicy,
    makeToken,
    /** A token with one policy of its own. */
    async tokenWith(name: string, rules: string): Promise<Made> {
      await makePolicy(name, rules)
      return makeToken(name, { Policies: [{ Name: name }] })
    },
    [Symbol.asyncDispose]: () => registry.close(),
  }
}

export type Closed = Awaited<ReturnType<typeof closedRegistry>>
