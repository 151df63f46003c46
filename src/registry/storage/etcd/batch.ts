/** Which of the waiting writes go to etcd together, and what they change. */
import type { Change } from '../../state/records.ts'
import type { Decide, View } from '../../storage.ts'
import type { Operation } from './contract.ts'
import { OPERATIONS_MAX } from './gateway-json.ts'
import type { Keys } from './keys.ts'

export interface Waiting {
  readonly decide: Decide
  resolve(): void
  reject(reason: unknown): void
}

export interface Batch {
  /** Writes that stand or fall with the operations. */
  readonly writes: readonly Waiting[]
  readonly operations: readonly Operation[]
}

/** etcd refuses requests above 1.5 MiB (`--max-request-bytes`). */
const BYTES_MAX = 1_400_000
/** Beyond this the next write starts a batch of its own. */
const BYTES_FULL = 400_000
/** One is `last-write`. */
const RECORDS_MAX = OPERATIONS_MAX - 1

/** The part of a batch that one write makes. */
interface Part {
  readonly operations: readonly Operation[]
  readonly keys: ReadonlySet<string>
  readonly bytes: number
}

/**
 * Takes writes off the front of `queue`. Each decides on the view with the changes of those before it, which are taken
 * back before this returns: nobody sees what etcd has not accepted. Two writes to one key are never in one batch, so that
 * each value it had has an index of its own. Writes that cannot be made are rejected here.
 */
export function takeBatch(
  queue: Waiting[],
  view: View,
  index: number,
  keys: Keys,
  has: (key: string) => boolean,
): Batch {
  const writes: Waiting[] = []
  const operations: Operation[] = []
  const taken = new Set<string>()
  const undo: (() => void)[] = []
  let bytes = 0
  for (let waiting = queue[0]; waiting !== undefined; waiting = queue[0]) {
    const part = decidePart(waiting, keys, has)
    if (part !== undefined) {
      const fits = bytes + part.bytes <= BYTES_FULL && operations.length + part.operations.length <= RECORDS_MAX
      if (writes.length > 0 && (!fits || !part.keys.isDisjointFrom(taken))) break
      writes.push(waiting)
      operations.push(...part.operations)
      for (const key of part.keys) taken.add(key)
      bytes += part.bytes
      if (queue.length > 1) undo.push(view.apply(part.changes, index + undo.length + 1))
    }
    queue.shift()
  }
  for (const takeBack of undo.reverse()) takeBack()
  return { writes, operations }
}

function decidePart(
  waiting: Waiting,
  keys: Keys,
  has: (key: string) => boolean,
): (Part & { changes: readonly Change[] }) | undefined {
  try {
    const changes = waiting.decide()
    const part = toPart(changes, keys, has)
    if (part.operations.length > RECORDS_MAX || part.bytes > BYTES_MAX) {
      const size = `${part.operations.length} records in ${part.bytes} bytes`
      throw new Error(`${size} are more than etcd takes at once (${RECORDS_MAX}, ${BYTES_MAX}); write less at a time`)
    }
    return { ...part, changes }
  } catch (error) {
    waiting.reject(error)
    return undefined
  }
}

/** A key may be put once only in a transaction; of several changes the last one counts. Removing nothing is no event. */
function toPart(changes: readonly Change[], keys: Keys, has: (key: string) => boolean): Part {
  const last = new Map<string, Operation>()
  for (const { kind, key, body } of changes) {
    const name = keys.record(kind, key)
    last.delete(name)
    if (body !== null) last.set(name, { put: name, value: JSON.stringify(body) })
    else if (has(name)) last.set(name, { remove: name })
  }
  const operations = [...last.values()]
  return { operations, keys: new Set(last.keys()), bytes: operations.reduce((sum, one) => sum + sizeOf(one), 0) }
}

/** What an operation costs beside key and value, roughly. */
const OVERHEAD_BYTES = 32

function sizeOf(operation: Operation): number {
  const text = 'put' in operation ? operation.put + operation.value : operation.remove
  return Buffer.byteLength(text) + OVERHEAD_BYTES
}
