/** `consul acl role read`. */
import { ROLE, readCommand } from '../acl/kind.ts'

export default readCommand(ROLE)
