/** `consul acl role delete`. */
import { deleteCommand, ROLE } from '../acl/kind.ts'

export default deleteCommand(ROLE)
