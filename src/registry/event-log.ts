/**
 * User events: the last ones, in memory. As in Consul they are not stored and not part of any index: a restart forgets
 * them. Registries that share a store do not hear of each other's.
 */
import { randomUUID } from 'node:crypto'
import { RESOURCE } from './state/resources.ts'
import type { WatchHub } from './watch-hub.ts'

export interface EventInput {
  readonly Name: string
  /** Base64, or null for none. */
  readonly Payload: string | null
  /** Regular expressions that said who is to hear of it; '' = everybody. */
  readonly NodeFilter: string
  readonly ServiceFilter: string
  readonly TagFilter: string
}

export interface UserEvent extends EventInput {
  readonly ID: string
  readonly Version: 1
  /** Lamport time, rising by one with each event. */
  readonly LTime: number
}

const KEPT = 256

export class EventLog {
  readonly #hub: WatchHub
  #events: readonly UserEvent[] = []
  #time = 1

  constructor(hub: WatchHub) {
    this.#hub = hub
  }

  /** The event as it was fired. It is listed only if `heard`: else it was meant for others. */
  fire(input: EventInput, heard: boolean): UserEvent {
    this.#time++
    const event: UserEvent = { ID: randomUUID(), ...input, Version: 1, LTime: this.#time }
    if (heard) {
      this.#events = [...this.#events, event].slice(-KEPT)
      this.#hub.publish([RESOURCE.events])
    }
    return event
  }

  /** Oldest first. */
  list(name: string): readonly UserEvent[] {
    return name === '' ? this.#events : this.#events.filter((event) => event.Name === name)
  }
}

/** What event/list reports as index: the halves of the last event's ID, combined. It does not rise; 1 = no event. */
export function eventIndex(events: readonly UserEvent[]): bigint {
  const last = events.at(-1)
  if (last === undefined) return 1n
  const hex = last.ID.replaceAll('-', '')
  return BigInt(`0x${hex.slice(0, 16)}`) ^ BigInt(`0x${hex.slice(16)}`)
}
