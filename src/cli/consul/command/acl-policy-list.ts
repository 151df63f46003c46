/** `consul acl policy list`. */
import { listCommand, POLICY } from '../acl/kind.ts'

export default listCommand(POLICY)
