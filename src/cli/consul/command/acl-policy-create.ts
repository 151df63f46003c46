/** `consul acl policy create`. */

import { Failure } from '../../command.ts'
import { SHOW_FLAGS } from '../acl/flags.ts'
import { policyLines, print } from '../acl/print.ts'
import type { Policy } from '../acl/shapes.ts'
import { withApi } from '../api.ts'
import { consulCommand } from '../contract.ts'
import { readData } from '../data.ts'

export default consulCommand({
  usage: '[options]',
  description: 'Makes a policy.',
  flags: {
    ...SHOW_FLAGS,
    name: { kind: 'text', description: 'Its name.' },
    description: { kind: 'text', description: 'What it is for.' },
    rules: { kind: 'text', description: 'The rules in HCL or JSON, @file, or - for standard input.' },
    'valid-datacenter': { kind: 'list', description: 'Where it counts. Default: everywhere. May be repeated.' },
  },
  async run(call) {
    const { name, description, rules = '', 'valid-datacenter': Datacenters } = call.flags
    if (name === undefined || name === '') throw new Failure('Missing require argument: -name')
    const Rules = Buffer.from(await readData(rules, call)).toString()
    return withApi(call, async (api) => {
      const body = { Name: name, Description: description, Rules, Datacenters }
      print(call, JSON.parse(await api.put('/v1/acl/policy', {}, body)) as Policy, policyLines)
      return 0
    })
  },
})
