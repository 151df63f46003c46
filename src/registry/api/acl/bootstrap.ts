/** PUT /v1/acl/bootstrap: the first token that may do everything. It needs no token and works once. */
import { randomUUID } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { managementToken } from '../../acl/token.ts'
import { object, string } from '../decode.ts'
import { type Answer, type ApiRequest, json, type Registry } from '../endpoint.ts'
import { decodeAcl, isUuid, refuse } from './decode.ts'
import { showToken } from './show.ts'

const INPUT = object({ BootstrapSecret: string })

export async function bootstrap(request: ApiRequest, registry: Registry): Promise<Answer> {
  const { store, access, clock, log } = registry
  const { BootstrapSecret = '' } = await decodeAcl(request, 'Request', INPUT, {})
  if (BootstrapSecret !== '' && !isUuid(BootstrapSecret)) refuse('invalid bootstrap token: it must be a UUID')
  const secret = BootstrapSecret || randomUUID()
  const made = managementToken(secret, new Date(clock.now()).toISOString())
  const token = { ...made, Description: 'Bootstrap Token (Global Management)' }
  const resetIndex = takeResetIndex(access.resetFile)
  if (resetIndex === undefined) refuseStranger(request, registry)
  await store.write({ type: 'acl', action: { kind: 'bootstrap', token, resetIndex } })
  log.info({ accessor: token.AccessorID }, 'ACL bootstrap completed')
  const record = store.state.acl.tokens.get(token.AccessorID)!
  return json({ ID: secret, ...showToken(store.state, record, secret) })
}

/**
 * Whoever comes first has everything, so on a network it must not be a race: stricter than Consul, where it is one. After
 * that it is refused in Consul's words by whoever asks.
 */
function refuseStranger({ peer = '', token }: ApiRequest, { access, store }: Registry): void {
  if (store.state.acl.bootstraps.size > 0 || isLoopback(peer)) return
  if (token !== undefined && access.rightsOf(token).allows('acl', 'write')) return
  const way = 'Ask at 127.0.0.1 there, or start the registry with SKEIN_REGISTRY_TOKEN and bring that.'
  refuse(`Permission denied: the first token is made on the registry's own machine. ${way}`, 403)
}

const isLoopback = (address: string) => address === '::1' || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/.test(address)

/**
 * For those who have lost every token: whoever can write beside the database may write the reset index there. The file
 * goes with the attempt, so that it does not open the door again later.
 */
function takeResetIndex(file: string | undefined): number | undefined {
  if (file === undefined) return undefined
  try {
    const index = Number(readFileSync(file, 'utf8').trim())
    rmSync(file)
    return Number.isSafeInteger(index) && index > 0 ? index : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
