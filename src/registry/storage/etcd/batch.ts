/** Which of the waiting writes go to etcd together, and what they change. */
import type { Change } from '../../state/records.ts'
import { Refusal } from '../../state/refusal.ts'
import type { Decide, View } from '../../storage.ts'
import type { Operation } from './contract.ts'
import { OPERATIONS_MAX } from './gateway-json.ts'
import type { Keys } from './keys.ts'
import type { Lease, SessionLeases } from './session-leases.ts'

export interface Waiting {
  readonly decide: Decide
  resolve(): void
  reject(reason: unknown): void
}

export interface Batch {
  /** Writes that stand or fall with the operations. */
  readonly writes: readonly Waiting[]
  readonly operations: readonly Operation[]
  /** How many of them are records. */
  readonly records: number
  /** To be there before the operations. */
  readonly leases: readonly Lease[]
}

/** What a batch has to know of the store. */
export interface BatchTools {
  readonly keys: Keys
  readonly leases: Pick<SessionLeases, 'leaseOf' | 'isRunning'>
  /** Is there a record of this key? */
  has(key: string): boolean
  /** The keys of all records, in any order. */
  all(): Iterable<string>
}

/** etcd refuses requests above 1.5 MiB (`--max-request-bytes`). */
export const BYTES_MAX = 1_400_000
/** So many removals are put together into ranges. */
const RANGES_FROM = 500
/** Beyond this the next write starts a batch of its own. */
const BYTES_FULL = 400_000
/** One is `last-write`. */
const RECORDS_MAX = OPERATIONS_MAX - 1

/** The part of a batch that one write makes. */
interface Part {
  readonly operations: readonly Operation[]
  readonly records: number
  readonly leases: readonly Lease[]
  readonly keys: ReadonlySet<string>
  readonly bytes: number
}

/**
 * Takes writes off the front of `queue`. Each decides on the view with the changes of those before it, which are taken
 * back before this returns: nobody sees what etcd has not accepted. Two writes to one key are never in one batch, so that
 * each value it had has an index of its own. Writes that cannot be made are rejected here.
 */
export function takeBatch(queue: Waiting[], view: View, index: number, tools: BatchTools): Batch {
  const taken = new Taken()
  const undo: (() => void)[] = []
  for (let waiting = queue[0]; waiting !== undefined; waiting = queue[0]) {
    const part = decidePart(waiting, tools)
    if (part !== undefined && !taken.hasRoomFor(part)) break
    queue.shift()
    if (part === undefined) continue
    try {
      if (queue.length > 0) undo.push(view.apply(part.changes, index + undo.length + 1))
      taken.add(waiting, part)
    } catch (error) {
      waiting.reject(error)
    }
  }
  for (const takeBack of undo.reverse()) takeBack()
  return taken
}

class Taken implements Batch {
  readonly writes: Waiting[] = []
  readonly operations: Operation[] = []
  readonly leases: Lease[] = []
  records = 0
  readonly #keys = new Set<string>()
  #bytes = 0

  hasRoomFor({ bytes, operations, keys }: Part): boolean {
    if (this.writes.length === 0) return true
    const fits = this.#bytes + bytes <= BYTES_FULL && this.operations.length + operations.length <= RECORDS_MAX
    return fits && keys.isDisjointFrom(this.#keys)
  }

  add(waiting: Waiting, { operations, leases, records, keys, bytes }: Part): void {
    this.writes.push(waiting)
    for (const operation of operations) this.operations.push(operation)
    this.leases.push(...leases)
    this.records += records
    for (const key of keys) this.#keys.add(key)
    this.#bytes += bytes
  }
}

function decidePart(waiting: Waiting, tools: BatchTools): (Part & { changes: readonly Change[] }) | undefined {
  try {
    const changes = waiting.decide()
    const part = toPart(changes, tools)
    if (part.operations.length > RECORDS_MAX || part.bytes > BYTES_MAX) {
      const size = `${part.operations.length} records in ${part.bytes} bytes`
      throw new Refusal(
        413,
        `${size} are more than etcd takes at once (${RECORDS_MAX}, ${BYTES_MAX}); write less at a time`,
      )
    }
    return { ...part, changes }
  } catch (error) {
    waiting.reject(error)
    return undefined
  }
}

/** A key may be put once only in a transaction; of several changes the last one counts. Removing nothing is no event. */
function toPart(changes: readonly Change[], tools: BatchTools): Part {
  const { keys, has } = tools
  const last = new Map<string, Operation>()
  const times = new Map<string, Operation>()
  const leases: Lease[] = []
  for (const change of changes) {
    const { kind, key, body } = change
    const name = keys.record(kind, key)
    last.delete(name)
    if (body !== null) last.set(name, { put: name, value: JSON.stringify(body) })
    else if (has(name)) last.set(name, { remove: name })
    if (kind === 'session') {
      const lease = keepTime(change, tools, times)
      if (lease !== undefined) leases.push(lease)
    }
  }
  const operations = [...asRanges([...last.values()], tools), ...times.values()]
  const bytes = operations.reduce((sum, one) => sum + sizeOf(one), 0)
  return { operations, records: last.size, leases, keys: new Set(last.keys()), bytes }
}

/** A session's time begins with each write of its record, and ends with it. */
function keepTime(
  { key, body }: Change & { kind: 'session' },
  { keys, leases }: BatchTools,
  times: Map<string, Operation>,
): Lease | undefined {
  times.delete(key)
  if (body === null || body.ending === true) {
    if (leases.isRunning(key)) times.set(key, { remove: keys.alive + key })
    return undefined
  }
  const lease = leases.leaseOf(body)
  if (lease !== undefined) times.set(key, { put: lease.key, value: '', lease: lease.id })
  return lease
}

/**
 * Records that lie side by side go as one range, so that the removal of a large tree is one small write. Nothing else can
 * lie between them: the write is made only if nobody has written since the view on which this was decided.
 */
function asRanges(operations: readonly Operation[], { all }: BatchTools): readonly Operation[] {
  const removed = new Set(operations.flatMap((one) => ('remove' in one ? [one.remove] : [])))
  if (removed.size < RANGES_FROM) return operations
  const ranges: { remove: string; through: string }[] = []
  let isOpen = false
  for (const key of inOrderOfBytes(all())) {
    if (!removed.has(key)) isOpen = false
    else if (isOpen) ranges.at(-1)!.through = key
    else isOpen = ranges.push({ remove: key, through: key }) > 0
  }
  return [...operations.filter((one) => 'put' in one), ...ranges]
}

/** etcd's order; that of JavaScript is another one beyond U+FFFF. */
function inOrderOfBytes(keys: Iterable<string>): string[] {
  const encoded = Array.from(keys, (key) => Buffer.from(key))
  return encoded.sort(Buffer.compare).map((key) => key.toString())
}

/** What an operation costs beside key and value, roughly. */
const OVERHEAD_BYTES = 32

function sizeOf(operation: Operation): number {
  const text = 'put' in operation ? operation.put + operation.value : operation.remove + (operation.through ?? '')
  return Buffer.byteLength(text) + OVERHEAD_BYTES
}
