/**
 * How much a request matters when not all can be served. It travels with a call, as its deadline does: what is done for a batch
 * job is batch work wherever it is done.
 */

/** `health` is never refused; `batch` is refused first, because nobody waits for it and it can be done later. */
export type Priority = 'health' | 'interactive' | 'batch'

/** Most important first. */
export const PRIORITIES: readonly Priority[] = ['health', 'interactive', 'batch']

export const PRIORITY_HEADER = 'x-skein-priority'

/** Undefined for what is none: an optional header must not break a call. */
export function priorityIn(text: string | undefined): Priority | undefined {
  return PRIORITIES.find((priority) => priority === text)
}

/** What a caller says may lower what an operation says of itself, and not raise it: who asks for a report knows less of its cost. */
export function lower(one: Priority, other: Priority): Priority {
  return PRIORITIES.indexOf(one) > PRIORITIES.indexOf(other) ? one : other
}
