/** The registry that a command speaks with: the one it names, else the fleet's that runs here, else the environment's. */
import { type Environment, registryAddress, registryToken, SETTINGS } from '../../core/settings.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { type ExitStatus, Failure, type Options } from '../command.ts'
import { runningInfo } from '../running.ts'

export const REGISTRY_OPTIONS = {
  registry: {
    kind: 'text',
    value: 'url',
    description: 'The registry. Default: that of the fleet that runs here, else SKEIN_REGISTRY, else 127.0.0.1:8500.',
  },
  token: { kind: 'text', description: 'Token for it. Default: SKEIN_REGISTRY_TOKEN.' },
} as const satisfies Options

export interface Asking {
  readonly options: { readonly registry?: string | undefined; readonly token?: string | undefined }
  readonly env: Environment
  readonly cwd: string
}

/** Calls `use` with the registry and closes the connection. @throws Failure when it does not answer. */
export async function withRegistry(
  { options, env, cwd }: Asking,
  use: (consul: ConsulClient) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  const running = options.registry === undefined ? await runningInfo(cwd) : undefined
  const found = options.registry ?? running?.registry
  const address = registryAddress(found === undefined ? env : { [SETTINGS.registry]: found })
  const consul = new ConsulClient({ address, token: options.token ?? running?.token ?? registryToken(env) })
  try {
    return await use(consul)
  } finally {
    await consul.close()
  }
}

/** The JSON of an answer. @throws Failure with the registry's own words when it is no 200. */
export function bodyOf({ status, text }: { readonly status: number; readonly text: string }, fix = ''): unknown {
  if (status === 200) return JSON.parse(text)
  if (status === 404 && text.startsWith('Invalid URL path'))
    throw new Failure("the registry does not know this: it is none of Skein's, or an older one")
  throw new Failure(text.trim(), fix)
}
