/** Bodies of /v1/acl and what is refused about them. */
import { Refusal } from '../../state/refusal.ts'
import { STRINGS } from '../check-fields.ts'
import { decodeBody, list, object, type Reader, string } from '../decode.ts'
import { type ApiRequest, BODY_MAX_BYTES } from '../endpoint.ts'

const LINK = object({ ID: string, Name: string })
export const LINKS = list(LINK, '[]structs.ACLTokenPolicyLink')
export type Link = ReturnType<typeof LINK>

export const SERVICE_IDENTITIES = list(
  object({ ServiceName: string, Datacenters: STRINGS }),
  '[]*structs.ACLServiceIdentity',
)
export const NODE_IDENTITIES = list(object({ NodeName: string, Datacenter: string }), '[]*structs.ACLNodeIdentity')

/**
 * @param what `Token`, `Policy` or `Role`.
 * @param whenEmpty what no body means, where there need be none.
 * @throws Refusal 400.
 */
export async function decodeAcl<T>(request: ApiRequest, what: string, read: Reader<T>, whenEmpty?: T): Promise<T> {
  const body = await request.body(BODY_MAX_BYTES)
  if (body.length === 0 && whenEmpty !== undefined) return whenEmpty
  try {
    return decodeBody(body, read)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new Refusal(error.status, error.message.replace(/^Request decode failed/, `${what} decoding failed`))
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
export const isUuid = (text: string) => UUID.test(text)
/** Kept for what is built in. */
export const isReserved = (id: string) => id.startsWith('00000000-0000-0000-0000-0000000000')

export function refuse(text: string, status = 500): never {
  throw new Refusal(status, text)
}

/** The ID of the URL and, where given, that of the body. @throws Refusal 400. */
export function sameId(url: string, body: string | undefined, text: string): string {
  if (body !== undefined && body !== '' && body !== url) refuse(text, 400)
  return url
}
