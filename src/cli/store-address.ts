/**
 * `--store etcd://user:password@host:port,host:port/prefix`: where registries of many machines keep what they share.
 * `etcds://` is etcd over TLS; `?ca=`, `cert=`, `key=` and `server-name=` say with which certificates. What is not in the address
 * comes from the environment, which is where a password belongs: everybody on a machine can read command lines.
 */
import { readFileSync } from 'node:fs'
import { type Environment, SETTINGS } from '../core/settings.ts'
import type { EtcdTls } from '../registry/storage/etcd/access.ts'
import type { EtcdChoice } from '../registry/storage/storages.ts'
import { UsageError } from './command.ts'

const FORM = /^(etcds?):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(\/[^?#]*)?(?:\?([^#]*))?$/
const WANTED = 'etcd://host:port,host:port/prefix, or etcds:// for TLS'
const DEFAULT_PORT = 2379
const PARAMETERS = ['ca', 'cert', 'key', 'server-name', 'password-file']

/** @throws UsageError naming what is wrong, never with the password. */
export function readStoreAddress(text: string, env: Environment = {}): EtcdChoice {
  const [, scheme, login, members, prefix, query] = FORM.exec(text) ?? []
  if (members === undefined) throw new UsageError(`--store wants ${WANTED}, not '${withoutLogin(text)}'`)
  const parameters = new URLSearchParams(query)
  const unknown = [...parameters.keys()].find((name) => !PARAMETERS.includes(name))
  if (unknown !== undefined) throw new UsageError(`--store knows no '${unknown}': ${PARAMETERS.join(', ')}`)
  const cut = prefix?.replace(/\/+$/, '')
  const protocol = scheme === 'etcds' ? 'https' : 'http'
  return {
    etcd: members.split(',').map((member) => memberUrl(protocol, member)),
    ...(cut ? { prefix: cut } : {}),
    ...readLogin(login, parameters, env),
    ...(protocol === 'https' ? { tls: readTls(parameters, env) } : refuseTls(parameters)),
  }
}

/** The address as it may be shown. */
function withoutLogin(text: string): string {
  return text.replace(/\/\/.*@/, '//…@')
}

function memberUrl(protocol: string, member: string): string {
  const url = URL.parse(`http://${member}`)
  if (url === null || url.host === '') throw new UsageError(`--store names no address with '${member}'`)
  return `${protocol}://${url.hostname}:${url.port === '' ? DEFAULT_PORT : url.port}`
}

function readLogin(
  login: string | undefined,
  parameters: URLSearchParams,
  env: Environment,
): { user?: string; password?: string } {
  const [user, password] = login?.split(/:(.*)/s).map(decode) ?? []
  const file = parameters.get('password-file')
  const name = user || env[SETTINGS.etcdUser]
  if (!name) {
    if (login !== undefined || file !== null)
      throw new UsageError('--store has a password for nobody: give user:password@')
    return {}
  }
  const given = file === null ? (password ?? env[SETTINGS.etcdPassword]) : readPassword(file)
  if (given !== undefined) return { user: name, password: given }
  throw new UsageError(
    `--store has no password for user '${name}': set ${SETTINGS.etcdPassword}, or give ?password-file=`,
  )
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new UsageError(`--store: the password file ${file} cannot be read (${(error as Error).message})`)
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new UsageError('--store: user and password have to be percent-encoded where they contain % @ : or /')
  }
}

function readTls(parameters: URLSearchParams, env: Environment): EtcdTls {
  const given = (name: string, setting?: string) => parameters.get(name) ?? (setting && env[setting]) ?? undefined
  const [cert, key] = [given('cert', SETTINGS.etcdCert), given('key', SETTINGS.etcdKey)]
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('--store needs both ?cert= and ?key= for a certificate of its own, or neither')
  }
  return { ca: given('ca', SETTINGS.etcdCa), cert, key, serverName: given('server-name') }
}

function refuseTls(parameters: URLSearchParams): object {
  const name = ['ca', 'cert', 'key', 'server-name'].find((one) => parameters.has(one))
  if (name === undefined) return {}
  throw new UsageError(`--store has ${name} but no TLS: begin the address with etcds://`)
}
