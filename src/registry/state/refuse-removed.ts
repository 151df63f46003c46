import { onNode } from './records.ts'
import { Refusal } from './refusal.ts'
import type { State } from './state.ts'

/** @throws Refusal 403 for an instance that was removed for good. */
export function refuseRemoved(state: State, node: string, serviceId: string): void {
  const removed = state.removed.get(onNode(node, serviceId))
  if (removed === undefined) return
  const why = removed.Reason === '' ? '' : ` (${removed.Reason})`
  const way = `skein registry allow ${serviceId} lets it register again`
  throw new Refusal(403, `service ID ${JSON.stringify(serviceId)} was removed at ${removed.Time}${why}; ${way}`)
}
