/** The registry as the sub-commands ask it: address, token and query parameters from flags and environment. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type Environment, registryAddress, SETTINGS } from '../../core/settings.ts'
import { ConsulClient, type ConsulGetOptions } from '../../discovery/consul-client.ts'
import { type ExitStatus, Failure } from '../command.ts'
import type { ConsulCall, Flag, FlagValues } from './contract.ts'
import { parseExact } from './exact.ts'
import { readBoolean } from './flags.ts'

const refused = (description: string) => ({ kind: 'text', description }) as const satisfies Flag

/** Flags of every sub-command that asks a registry. */
export const CLIENT_FLAGS = {
  'http-addr': { kind: 'text', description: 'Address of the agent. Default: CONSUL_HTTP_ADDR, else 127.0.0.1:8500.' },
  token: { kind: 'text', description: 'Token. Default: CONSUL_HTTP_TOKEN.' },
  'token-file': { kind: 'text', description: 'File with the token. Default: CONSUL_HTTP_TOKEN_FILE.' },
  'ca-file': refused('Refused: set NODE_EXTRA_CA_CERTS.'),
  'ca-path': refused('Refused: set NODE_EXTRA_CA_CERTS.'),
  'client-cert': refused('Refused: there are no client certificates.'),
  'client-key': refused('Refused: there are no client certificates.'),
  'tls-server-name': refused('Refused: the name in the address counts.'),
} as const

/** Flags of those that ask about data. */
export const QUERY_FLAGS = {
  ...CLIENT_FLAGS,
  datacenter: { kind: 'text', description: "Datacenter. Default: the agent's." },
  stale: { kind: 'switch', description: 'Any server may answer; here there is one.' },
  namespace: refused('Refused unless it is "default": namespaces are a feature of Consul Enterprise.'),
  partition: refused('Refused unless it is "default": partitions are a feature of Consul Enterprise.'),
} as const

const REFUSED = ['ca-file', 'ca-path', 'client-cert', 'client-key', 'tls-server-name'] as const

type Asking = ConsulCall<typeof CLIENT_FLAGS> | ConsulCall<typeof QUERY_FLAGS>
type Params = Readonly<Record<string, string | readonly string[] | true | undefined>>

export interface ApiAnswer {
  readonly status: number
  readonly index: number
  /** Undefined when there is nothing: status 404. */
  readonly body: unknown
}

/** Calls `use` with the registry of the flags and closes the connection. */
export async function withApi(call: Asking, use: (api: Api) => Promise<ExitStatus>): Promise<ExitStatus> {
  refuseUnsupported(call.flags)
  const client = new ConsulClient({ address: addressOf(call), token: tokenOf(call), clock: call.clock })
  try {
    return await use(new Api(client, call.flags))
  } finally {
    await client.close()
  }
}

function refuseUnsupported(flags: FlagValues<typeof QUERY_FLAGS>): void {
  for (const name of REFUSED) {
    if (flags[name] !== undefined)
      throw new Failure(`-${name} is not supported`, QUERY_FLAGS[name].description.replace('Refused: ', 'Instead: '))
  }
  for (const name of ['namespace', 'partition'] as const) {
    if ((flags[name] ?? 'default') !== 'default')
      throw new Failure(`-${name}: ${name}s are a feature of Consul Enterprise`)
  }
}

/** `host:port` with or without a scheme; beyond Consul's, several separated by commas. */
function addressOf({ flags, env }: Asking): string {
  const given = flags['http-addr'] ?? env['CONSUL_HTTP_ADDR'] ?? ''
  const addresses = (given === '' ? registryAddress(env) : given).split(',')
  return addresses.map((address) => urlOf(address.trim().replace(/\/+$/, ''), env)).join(',')
}

function urlOf(address: string, env: Environment): string {
  if (address.startsWith('unix:')) throw new Failure(`${address}: a registry listens on TCP only`, 'Give host:port.')
  const scheme = readBoolean(env['CONSUL_HTTP_SSL'] ?? '') === true ? 'https' : 'http'
  const url = /^https?:\/\//.test(address) ? address : `${scheme}://${address}`
  if (!URL.canParse(url)) throw new Failure(`${address} is no address`, 'Write -http-addr=host:port.')
  return new URL(url).origin
}

function tokenOf({ flags, env, cwd }: Asking): string | undefined {
  const file = flags['token-file'] ?? env['CONSUL_HTTP_TOKEN_FILE']
  const token = flags.token ?? env['CONSUL_HTTP_TOKEN']
  if (token === undefined && file !== undefined) return readFileSync(path.resolve(cwd, file), 'utf8').trim()
  return token === undefined || token === '' ? env[SETTINGS.token] : token
}

export class Api {
  readonly #client: ConsulClient
  readonly #common: Params

  constructor(client: ConsulClient, { datacenter, stale }: FlagValues<typeof QUERY_FLAGS>) {
    this.#client = client
    this.#common = { dc: datacenter, stale: stale || undefined }
  }

  /** @throws Refused, but not for 404. */
  async get(path: string, params: Params = {}, options: ConsulGetOptions = {}): Promise<ApiAnswer> {
    const { status, index, text } = await this.#client.get(this.#url(path, params), options)
    if (status === 404) return { status, index, body: undefined }
    if (status !== 200) throw new Refused(status, text)
    return { status, index, body: parseExact(text) }
  }

  /** The answer's text. @throws Refused. */
  async put(path: string, params: Params = {}, body?: unknown): Promise<string> {
    const { status, text } = await this.#client.put(this.#url(path, params), body)
    if (status !== 200) throw new Refused(status, text)
    return text
  }

  async delete(path: string, params: Params = {}): Promise<string> {
    const { status, text } = await this.#client.delete(this.#url(path, params))
    if (status !== 200) throw new Refused(status, text)
    return text
  }

  #url(path: string, params: Params): string {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries({ ...this.#common, ...params })) {
      if (value === undefined) continue
      for (const one of value === true ? [''] : [value].flat()) query.append(name, one)
    }
    const text = query.toString()
    return text === '' ? path : `${path}?${text}`
  }
}

/** The registry said no. */
export class Refused extends Failure {
  readonly status: number

  constructor(status: number, text: string) {
    super(`Unexpected response code: ${status} (${text.trim()})`)
    this.status = status
  }
}
