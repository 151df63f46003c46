/**
 * Tokens of a fleet whose registry is closed: each part has one that lets it do its own work and no more. They are made
 * anew with each run, under AccessorIDs that stay, so that a run takes those of the last one away.
 */
import { createHash, randomUUID } from 'node:crypto'
import { SkeinError } from '../../core/errors.ts'
import { type Environment, SETTINGS } from '../../core/settings.ts'
import type { ConsulClient } from '../../discovery/consul-client.ts'

/** Consul's clients read this one. */
const CONSUL_TOKEN = 'CONSUL_HTTP_TOKEN'

const SEE_SERVICES = 'service_prefix "" { policy = "read" }\nnode_prefix "" { policy = "read" }\n'

/** Registers under its name, finds everybody, publishes its contract and reads those of others. */
const serviceRules = (name: string) =>
  `service "${name}" { policy = "write" }\n${SEE_SERVICES}key_prefix "skein/contracts/" { policy = "read" }
key "skein/contracts/${name}" { policy = "write" }\nkey_prefix "skein/contracts/${name}/" { policy = "write" }\n`

/** Finds everybody and follows its settings. */
const GATEWAY_RULES = `${SEE_SERVICES}key_prefix "skein/" { policy = "read" }\n`

export class FleetTokens {
  /** Of `skein up` itself: it may do everything, while the registry runs. */
  readonly own: string
  readonly #secrets = new Map<string, string>()
  readonly #granted = new Set<string>()

  constructor(env: Environment) {
    this.own = env[SETTINGS.token] || randomUUID()
  }

  /** What a part finds in its environment. */
  environmentOf(part: string): Record<string, string> {
    const secret = part === 'registry' ? this.own : this.#secretOf(part)
    return { [SETTINGS.token]: secret, [CONSUL_TOKEN]: secret }
  }

  /** Makes the tokens of these parts valid, those that are not yet. @throws SkeinError REGISTRY_UNAVAILABLE. */
  async grant(consul: ConsulClient, parts: readonly string[]): Promise<void> {
    for (const part of parts.filter((name) => !this.#granted.has(name))) {
      await this.#grantOne(consul, part)
      this.#granted.add(part)
    }
  }

  #secretOf(part: string): string {
    const known = this.#secrets.get(part) ?? randomUUID()
    this.#secrets.set(part, known)
    return known
  }

  async #grantOne(consul: ConsulClient, part: string): Promise<void> {
    const policy = await putPolicy(consul, `skein-${part}`, part === 'gateway' ? GATEWAY_RULES : serviceRules(part))
    const AccessorID = accessorOf(part)
    await consul.delete(`/v1/acl/token/${AccessorID}`) // of the last run; mostly there is one, and 404 is fine
    const token = { AccessorID, SecretID: this.#secretOf(part), Description: `skein up: ${part}` }
    refuseUnless200(await consul.put('/v1/acl/token', { ...token, Policies: [{ ID: policy }] }), consul)
  }
}

/** Its ID. */
async function putPolicy(consul: ConsulClient, Name: string, Rules: string): Promise<string> {
  const known = await consul.get(`/v1/acl/policy/name/${Name}`)
  const { ID = '' } = known.status === 200 ? (known.body as { ID?: string }) : {}
  const path = ID === '' ? '/v1/acl/policy' : `/v1/acl/policy/${ID}`
  const answer = await consul.put(path, { Name, Description: 'Made by skein up', Rules })
  refuseUnless200(answer, consul)
  return (JSON.parse(answer.text) as { ID: string }).ID
}

function accessorOf(part: string): string {
  const hex = createHash('sha256').update(`skein up ${part}`).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

function refuseUnless200({ status, text }: { status: number; text: string }, { address }: ConsulClient): void {
  if (status === 200) return
  throw new SkeinError('REGISTRY_UNAVAILABLE', `registry at ${address} makes no tokens: status ${status}: ${text}`)
}
