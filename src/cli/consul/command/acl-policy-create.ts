/** `consul acl policy create`. */
import { needName, POLICY_FLAGS, SHOW_FLAGS } from '../acl/flags.ts'
import { policyLines, printText } from '../acl/print.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'
import { readData } from '../data.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Makes a policy.',
  examples: [
    'acl policy create -name=orders -rules=@orders.hcl',
    `acl policy create -name=readers -rules='key_prefix "" { policy = "read" }'`,
  ],
  flags: {
    ...SHOW_FLAGS,
    name: { kind: 'text', description: 'Its name.' },
    ...POLICY_FLAGS,
  },
  async run(call) {
    const { name, description: Description, rules = '', 'valid-datacenter': Datacenters } = call.flags
    const Name = needName(name)
    const Rules = Buffer.from(await readData(rules, call)).toString()
    return withApi(call, async (api) => {
      printText(call, await api.put('/v1/acl/policy', {}, { Name, Description, Rules, Datacenters }), policyLines)
      return 0
    })
  },
})
