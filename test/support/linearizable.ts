/**
 * Is a recorded history of concurrent operations linearizable: can each be given one moment between its call and its
 * return, so that the operations in the order of these moments are a run of the model? Wing and Gong's search (1993) as
 * Lowe improved it (2017): a pair of "which operations are placed" and "the state that follows" is tried once.
 *
 * Objects that are independent of each other are checked apart (linearizability is local), which is what makes long
 * histories cheap: give each key a history of its own.
 */

export interface Operation<Input, Output> {
  readonly input: Input
  /** When it was called and when its answer came, in any unit that only grows. */
  readonly called: number
  /** Undefined when no answer came: it may have happened at any time since the call, or never. */
  readonly returned?: number | undefined
  /** Of an operation that returned. */
  readonly output?: Output | undefined
}

export interface Model<State, Input, Output> {
  readonly initial: State
  /** The state afterwards, or undefined when no object in `state` answers so. `output` is undefined when none came. */
  step(state: State, input: Input, output: Output | undefined): State | undefined
  /** Equal texts = equal states. */
  textOf(state: State): string
}

export type Verdict<Input, Output> =
  | { readonly linearizable: true }
  /** The operations that no order could explain: from the first that had to return, as far as the search came. */
  | { readonly linearizable: false; readonly stuck: readonly Operation<Input, Output>[] }

interface Entry<Input, Output> {
  readonly operation: Operation<Input, Output>
  readonly bit: bigint
  /** The entry of its return, in the entry of its call. */
  readonly end: Entry<Input, Output> | undefined
  readonly isCall: boolean
  previous: Entry<Input, Output> | undefined
  next: Entry<Input, Output> | undefined
}

export function checkLinearizable<State, Input, Output>(
  history: readonly Operation<Input, Output>[],
  model: Model<State, Input, Output>,
): Verdict<Input, Output> {
  const search = new Search(history, model)
  for (let entry = search.first; entry !== undefined; ) {
    if (entry.isCall) {
      entry = search.place(entry) ? search.first : entry.next
      continue
    }
    // It returned, but could not be placed: something before it was placed wrongly.
    const last = search.takeBack(entry)
    if (last === undefined) return { linearizable: false, stuck: search.stuck }
    entry = last.next
  }
  return { linearizable: true } // only calls without a return are left
}

class Search<State, Input, Output> {
  /** The operations open where the search came furthest. */
  stuck: readonly Operation<Input, Output>[] = []
  readonly #model: Model<State, Input, Output>
  readonly #head: Entry<Input, Output> | undefined
  readonly #placed: { readonly entry: Entry<Input, Output>; readonly before: State }[] = []
  readonly #tried = new Set<string>()
  #state: State
  #done = 0n
  #furthest = -1

  constructor(history: readonly Operation<Input, Output>[], model: Model<State, Input, Output>) {
    this.#model = model
    this.#state = model.initial
    this.#head = link(history)
  }

  get first(): Entry<Input, Output> | undefined {
    return this.#head?.next
  }

  /** Places the operation next, if the model allows it and this was not tried before. */
  place(entry: Entry<Input, Output>): boolean {
    const { input, output, returned } = entry.operation
    const after = this.#model.step(this.#state, input, returned === undefined ? undefined : output)
    if (after === undefined) return false
    const done = this.#done | entry.bit
    const key = `${done.toString(36)} ${this.#model.textOf(after)}`
    if (this.#tried.has(key)) return false
    this.#tried.add(key)
    this.#placed.push({ entry, before: this.#state })
    this.#state = after
    this.#done = done
    unlink(entry)
    return true
  }

  /** Takes back what was placed last, because `blocked` cannot be placed; undefined when nothing is. */
  takeBack(blocked: Entry<Input, Output>): Entry<Input, Output> | undefined {
    if (this.#placed.length > this.#furthest) {
      this.#furthest = this.#placed.length
      this.stuck = openUpTo(this.#head!, blocked)
    }
    const last = this.#placed.pop()
    if (last === undefined) return undefined
    this.#state = last.before
    this.#done &= ~last.entry.bit
    relink(last.entry)
    return last.entry
  }
}

/** Calls and returns in the order of time, as a list with an empty head. Of equal times calls come first. */
function link<Input, Output>(history: readonly Operation<Input, Output>[]): Entry<Input, Output> | undefined {
  if (history.length === 0) return undefined
  const entries = history.flatMap((operation, i) => {
    const bit = 1n << BigInt(i)
    const ends = { operation, bit, previous: undefined, next: undefined }
    const end = operation.returned === undefined ? undefined : { ...ends, end: undefined, isCall: false }
    const call: Entry<Input, Output> = { ...ends, end, isCall: true }
    return end === undefined ? [call] : [call, end]
  })
  entries.sort((a, b) => timeOf(a) - timeOf(b) || Number(b.isCall) - Number(a.isCall))
  const head: Entry<Input, Output> = { ...entries[0]!, bit: 0n }
  let last = head
  for (const entry of entries) {
    last.next = entry
    entry.previous = last
    last = entry
  }
  return head
}

const timeOf = <I, O>({ isCall, operation }: Entry<I, O>) => (isCall ? operation.called : operation.returned!)

function unlink<I, O>(call: Entry<I, O>): void {
  for (const entry of [call, call.end]) {
    if (entry === undefined) continue
    entry.previous!.next = entry.next
    if (entry.next !== undefined) entry.next.previous = entry.previous
  }
}

/** The opposite of `unlink`, to be done in the opposite order. */
function relink<I, O>(call: Entry<I, O>): void {
  for (const entry of [call.end, call]) {
    if (entry === undefined) continue
    entry.previous!.next = entry
    if (entry.next !== undefined) entry.next.previous = entry
  }
}

function openUpTo<I, O>(head: Entry<I, O>, limit: Entry<I, O>): Operation<I, O>[] {
  const open: Operation<I, O>[] = []
  for (let entry = head.next; entry !== undefined && entry !== limit; entry = entry.next) {
    if (entry.isCall) open.push(entry.operation)
  }
  return open
}
