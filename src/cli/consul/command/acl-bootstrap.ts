/** `consul acl bootstrap`. */
import { SHOW_FLAGS } from '../acl/flags.ts'
import { printText, tokenLines } from '../acl/print.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'
import { readData } from '../data.ts'

export default consulCommand({
  usage: '[options] [FILE]',
  description:
    'Makes the first token, which may do everything, and shows it: once. FILE, or - for standard input, holds a UUID that is to be its secret.',
  examples: ['acl bootstrap', 'acl bootstrap -format=json'],
  flags: SHOW_FLAGS,
  async run(call) {
    const [file] = call.args
    const secret = file === undefined ? undefined : await readData(file === '-' ? file : `@${file}`, call)
    const body = secret && { BootstrapSecret: Buffer.from(secret).toString().trim() }
    return withApi(call, async (api) => {
      printText(call, await api.put('/v1/acl/bootstrap', {}, body), tokenLines)
      return 0
    })
  },
})
