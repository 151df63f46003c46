/**
 * PUT /v1/agent/token/:kind: the tokens that the registry itself uses. Those for requests and for DNS that bring none count
 * until it ends; the others are of no use here, where no agent speaks with servers, and are taken because every guide sets them.
 */
import { object, string } from '../decode.ts'
import { type Answer, type ApiRequest, empty, type Registry } from '../endpoint.ts'
import { decodeAcl, refuse } from './decode.ts'

const KINDS: Readonly<Record<string, 'default' | 'dns' | 'unused'>> = {
  ...{ default: 'default', acl_token: 'default', dns: 'dns' },
  ...{ agent: 'unused', acl_agent_token: 'unused', config_file_service_registration: 'unused' },
  ...{ agent_recovery: 'unused', agent_master: 'unused', acl_agent_master_token: 'unused' },
  ...{ replication: 'unused', acl_replication_token: 'unused' },
}

const INPUT = object({ Token: string })

export async function agentToken(request: ApiRequest, { access, node, log }: Registry): Promise<Answer> {
  const { name, rights } = request
  rights.require('agent', 'write', node)
  const { Token = '' } = await decodeAcl(request, 'Request', INPUT)
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined
  if (kind === undefined) refuse(`Token ${JSON.stringify(name)} is unknown`, 404)
  if (kind !== 'unused') access.use(kind, Token)
  log.info({ kind: name }, "the registry's own token is set")
  return empty()
}
