/** DELETE /v1/acl/token/:accessor */

import { ANONYMOUS_ID } from '../../acl/contract.ts'
import { hashSecret } from '../../acl/token.ts'
import { type Answer, type ApiRequest, json, lookTwice, type Registry } from '../endpoint.ts'
import { isUuid, refuse } from './decode.ts'

export async function deleteToken(request: ApiRequest, registry: Registry): Promise<Answer> {
  const { name: accessor, rights } = request
  if (accessor === '') refuse('Missing token AccessorID', 400)
  rights.require('acl', 'write')
  if (!isUuid(accessor)) refuse('Accessor ID is missing or an invalid UUID')
  if (accessor === ANONYMOUS_ID) refuse('Delete operation not permitted on the anonymous token')
  const { tokens } = registry.store.state.acl
  await lookTwice(registry, () => tokens.has(accessor))
  const token = tokens.get(accessor)
  if (token === undefined) refuse('Cannot find token to delete', 404)
  if (request.token !== undefined && hashSecret(request.token) === token.secretHash) {
    refuse("Deletion of the request's authorization token is not permitted")
  }
  await registry.store.write({ type: 'acl', action: { kind: 'token-delete', accessor } })
  return json(true)
}
