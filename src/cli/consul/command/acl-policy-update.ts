/** `consul acl policy update`. */
import { namedId, readOne } from '../acl/find.ts'
import { NAMED_FLAGS, POLICY_FLAGS, SHOW_FLAGS } from '../acl/flags.ts'
import { policyLines, printText } from '../acl/print.ts'
import type { Policy } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'
import { readData } from '../data.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Changes a policy. What is not given stays, unless -no-merge. With -id, -name is a new name.',
  examples: ['acl policy update -name=orders -rules=@orders.hcl', 'acl policy update -id=7f3a -name=orders-2'],
  flags: {
    ...SHOW_FLAGS,
    ...NAMED_FLAGS,
    ...POLICY_FLAGS,
    'no-merge': { kind: 'switch', description: 'What is not given becomes empty.' },
  },
  async run(call) {
    const { id, name, description, rules, 'valid-datacenter': datacenters, 'no-merge': isWhole } = call.flags
    const given = rules === undefined ? undefined : Buffer.from(await readData(rules, call)).toString()
    return withApi(call, async (api) => {
      const found = await namedId(api, 'policy', { id, name })
      const before = await readOne<Policy>(api, `/v1/acl/policy/${found}`)
      const rest = isWhole ? { Name: before.Name, Description: '', Rules: '', Datacenters: [] } : before
      const body = {
        Name: name ?? rest.Name,
        Description: description ?? rest.Description,
        Rules: given ?? rest.Rules,
        Datacenters: datacenters ?? rest.Datacenters,
      }
      printText(call, await api.put(`/v1/acl/policy/${found}`, {}, body), policyLines)
      return 0
    })
  },
})
