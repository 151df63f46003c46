/** The index of a transaction where the store, and not this registry, hands indexes out: it is known only afterwards. */
import type { TxnResult } from './commands.ts'
import { bare, type Change, type Indexes } from './records.ts'
import type { State } from './state.ts'

/** When `changes` were written, or 0 if none of the records is as they left it. */
export function writtenAt(state: State, changes: readonly Change[]): number {
  const records = changes.flatMap((change) => recordOf(state, change) ?? [])
  return records.length === 0 ? 0 : Math.min(...records.map(({ ModifyIndex }) => ModifyIndex))
}

function recordOf(state: State, { kind, key, body }: Change): Indexes | undefined {
  const tables = { node: state.nodes, service: state.services, check: state.checks, kv: state.kv }
  if (body === null || !Object.hasOwn(tables, kind)) return undefined
  const record = tables[kind as keyof typeof tables].get(key)
  return record !== undefined && JSON.stringify(bare(record)) === JSON.stringify(body) ? record : undefined
}

/** The results with `actual` in place of the index that they were `supposed` to have. */
export function moveIndexes(results: readonly TxnResult[], supposed: number, actual: number): TxnResult[] {
  const moved = (index: number) => (index === supposed ? actual : index)
  return results.map((result) => {
    const { CreateIndex, ModifyIndex } = result.record
    const indexes = { CreateIndex: moved(CreateIndex), ModifyIndex: moved(ModifyIndex) }
    return { ...result, record: { ...result.record, ...indexes } } as TxnResult
  })
}
