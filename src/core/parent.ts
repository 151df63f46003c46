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
  if (hasParent()) process.send!({ type: 'skein:ready', port } satisfies ReadyMessage)
}

/**
 * Calls `run` once when the fleet is gone. Without a fleet it never does. Listening keeps a process alive that has nothing
 * else to do; with `unref` it does not.
 */
export function onParentGone(run: () => void, { unref = false }: { readonly unref?: boolean } = {}): void {
  if (!hasParent()) return
  process.once('disconnect', run)
  if (unref) process.channel?.unref()
  if (!process.connected) run()
}
