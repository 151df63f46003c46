/** `consul acl policy delete`. */
import { deleteCommand, POLICY } from '../acl/kind.ts'

export default deleteCommand(POLICY)
