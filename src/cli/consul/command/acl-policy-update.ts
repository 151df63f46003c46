/** `consul acl policy update`. */

import { namedId, readOne } from '../acl/find.ts'
import { SHOW_FLAGS } from '../acl/flags.ts'
import { policyLines, print } from '../acl/print.ts'
import type { Policy } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'
import { readData } from '../data.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Changes a policy. What is not given stays, unless -no-merge. With -id, -name is a new name.',
  flags: {
    ...SHOW_FLAGS,
    id: { kind: 'text', description: 'ID of the policy, or the beginning of it.' },
    name: { kind: 'text', description: 'Its name; with -id a new one.' },
    description: { kind: 'text', description: 'What it is for.' },
    rules: { kind: 'text', description: 'The rules in HCL or JSON, @file, or - for standard input.' },
    'valid-datacenter': { kind: 'list', description: 'Where it counts. May be repeated.' },
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
      print(call, JSON.parse(await api.put(`/v1/acl/policy/${found}`, {}, body)) as Policy, policyLines)
      return 0
    })
  },
})
