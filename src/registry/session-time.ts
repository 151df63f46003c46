/**
 * How a shared store keeps the time of sessions, so that it runs on when registries die. Built in:
 * `storage/etcd/session-leases.ts`. A registry that is alone on its store keeps the time itself (session-keeper.ts).
 */

import type { SessionBody } from './state/records.ts'

/** A session's time is twice its TTL: "not before the TTL" is Consul's promise, and this is when it acts. */
export const GRACE = 2

export interface SessionTime {
  /**
   * Starts the session's time anew. False when it was over.
   * @throws SkeinError STORAGE_FAILED when the store cannot be reached.
   */
  renew(session: SessionBody): Promise<boolean>
  /** Of a session in the store that has a TTL. */
  isRunning(id: string): boolean
  /** `listener` is told until the returned function is called. */
  start(listener: SessionTimeListener): () => void
}

export interface SessionTimeListener {
  /** The session's time is over, if there is such a session. */
  onOver(id: string): void
  /** Its time was ended by mistake: it was renewed here less than a whole time ago. A write of the session begins it anew. */
  onMistake(id: string): void
  /** Any number of sessions may be over: look at each. */
  onDoubt(): void
}
