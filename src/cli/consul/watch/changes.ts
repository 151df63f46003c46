/** What a watch hands to its program: each state of a view, or each event, one after the other and through failures. */
import { type Clock, sleep } from '../../../core/clock.ts'
import { SkeinError } from '../../../core/errors.ts'
import { eventIndex, type UserEvent } from '../../../registry/event-log.ts'
import { Failure } from '../../command.ts'
import type { Api, ApiAnswer } from '../api.ts'
import { showExact } from '../exact.ts'
import type { View } from './views.ts'

export interface Change {
  readonly index: string
  readonly json: string
}

export interface Watching {
  readonly api: Api
  readonly clock: Clock
  readonly signal: AbortSignal
  /** True = no failure and no refusal ends it, not even of the first question. */
  readonly endures?: boolean
  /** Told when the registry does not answer. */
  tell(message: string): void
}

const RETRY_MS = 5_000
const RETRY_MAX_MS = 180_000

/** The states of a view, or the new events. */
export function statesOf(view: View, watching: Watching): AsyncGenerator<Change, void> {
  return view.isEvents ? newEvents(view, watching) : changes(view, watching)
}

/** Each state that differs from the one before. @throws the first failure to reach the registry; later ones are ridden out. */
async function* changes({ path, params, shape }: View, watching: Watching): AsyncGenerator<Change, void> {
  const { api, signal } = watching
  const ask = patient(watching)
  let index = 0
  let last: string | undefined
  while (!signal.aborted) {
    const answer = await ask(() => api.get(path, params, { index, signal }))
    // An index that goes down means a new history: begin again, or changes are slept through.
    index = answer.index < index ? 0 : Math.max(1, answer.index)
    const json = showExact(shape(answer.body))
    if (json === last) continue
    last = json
    yield { index: String(answer.index), json }
  }
}

/** The registry may hold a question about events this long, ms: no longer than one of several registries may take to answer. */
const EVENT_WAIT_MS = 1_000

/**
 * The events that are there, then each time the new ones. Their index is a hash of 64 bits which does not rise, so it is
 * reckoned here, from the events.
 */
async function* newEvents({ path, params }: View, watching: Watching): AsyncGenerator<Change, void> {
  const { api, signal } = watching
  const ask = patient(watching)
  const wait = `${EVENT_WAIT_MS}ms`
  for (let seen = 0n; !signal.aborted; ) {
    const asked = seen === 0n ? params : { ...params, index: String(seen), wait }
    const events = ((await ask(() => api.get(path, asked, { signal }))).body ?? []) as UserEvent[]
    const index = eventIndex(events)
    if (index === seen) continue
    const fresh = events.slice(events.findIndex((event) => eventIndex([event]) === seen) + 1)
    seen = index
    yield { index: String(index), json: showExact(fresh) }
  }
}

/** Asks, and from the first answer on again and again until there is one. */
function patient({ clock, signal, endures = false, tell }: Watching) {
  let isFirst = true
  return async (ask: () => Promise<ApiAnswer>): Promise<ApiAnswer> => {
    for (let failures = 1; ; failures++) {
      try {
        const answer = await ask()
        isFirst = false
        return answer
      } catch (error) {
        if (signal.aborted || !mayPass(error, isFirst, endures)) throw error
        const waitMs = Math.min(RETRY_MS * failures ** 2, RETRY_MAX_MS)
        tell(`Error querying Consul agent: ${error.message}; again in ${waitMs / 1000} s`)
        await sleep(waitMs, clock, signal)
      }
    }
  }
}

function mayPass(error: unknown, isFirst: boolean, endures: boolean): error is Error {
  if (endures) return error instanceof SkeinError || error instanceof Failure
  return error instanceof SkeinError && !isFirst
}
