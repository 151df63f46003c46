/**
 * The thread between a process and the fleet that started it: an IPC channel. It carries "ready" up, and its breaking
 * tells a child that the fleet is gone, even when that was killed with -9, so that no orphan stays.
 */
import { SETTINGS } from './settings.ts'

/** What a child says once it serves. */
export interface ReadyMessage {
  readonly type: 'skein:ready'
  readonly port: number
}

/** True when this process was started by a fleet. */
export function hasParent(): boolean {
  return process.env[SETTINGS.fleet] !== undefined && process.send !== undefined
}

/** Tells the fleet that this process serves on `port`; does nothing without one. */
export function reportReady(port: number): void {
  // Without a function to tell it to, that nobody is there any more would end the process; onParentGone tells it, too.
  if (hasParent()) process.send!({ type: 'skein:ready', port } satisfies ReadyMessage, () => {})
}

/**
 * Calls `run` once when the fleet is gone. Without a fleet it never does. Listening keeps a process alive that has nothing
 * else to do; with `unref` it does not. Returns the function that stops listening.
 */
export function onParentGone(run: () => void, { unref = false }: { readonly unref?: boolean } = {}): () => void {
  if (!hasParent()) return () => {}
  let isTold = false
  const tell = () => {
    if (isTold) return
    isTold = true
    run()
  }
  process.once('disconnect', tell)
  if (unref) process.channel?.unref()
  // It may have gone already, and the event be over or still to come.
  if (!process.connected) tell()
  return () => process.off('disconnect', tell)
}
