/** `consul acl token list`. */
import { listCommand, TOKEN } from '../acl/kind.ts'

export default listCommand(TOKEN, ', without their secrets')
