/** `consul acl role list`. */
import { listCommand, ROLE } from '../acl/kind.ts'

export default listCommand(ROLE)
