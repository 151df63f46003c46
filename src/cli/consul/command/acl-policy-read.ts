/** `consul acl policy read`. */
import { POLICY, readCommand } from '../acl/kind.ts'

export default readCommand(POLICY)
