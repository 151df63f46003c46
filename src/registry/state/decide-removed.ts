import type { Allow, Decision, Remove } from './commands.ts'
import { decideDeregister } from './decide-catalog.ts'
import { onNode } from './records.ts'
import type { State } from './state.ts'

/** The removal comes first: from then on nobody finds the instance gone and registers it. */
export function decideRemove(state: State, { removed }: Remove): Decision {
  const { Node: node, ServiceID: serviceId } = removed
  const { changes } = decideDeregister(state, { type: 'deregister', node, serviceId })
  return { changes: [{ kind: 'removed', key: onNode(node, serviceId), body: removed }, ...changes], done: true }
}

export function decideAllow(state: State, { node, serviceId }: Allow): Decision {
  const key = onNode(node, serviceId)
  if (!state.removed.has(key)) return { changes: [], done: false }
  return { changes: [{ kind: 'removed', key, body: null }], done: true }
}
