/**
 * What ends a process: SIGTERM, SIGINT, or the fleet that started it is gone. Everything in the process that has to be
 * closed is, at the same time; then it exits. A second signal exits at once.
 */
import { constants } from 'node:os'
import { onParentGone } from '../core/parent.ts'

type Close = () => Promise<unknown>

const closers = new Set<Close>()
let watching = false
let ending = false

/** Calls `close` when the process is told to end. Returns the function that takes it back. */
export function onShutdown(close: Close): () => void {
  closers.add(close)
  if (!watching) watch()
  return () => closers.delete(close)
}

/** Once for the process: the handlers stay, because between two services there must be no moment without. */
function watch(): void {
  watching = true
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (ending) process.exit(128 + constants.signals[signal])
      void end(0)
    })
  }
  onParentGone(() => void end(1), { unref: true })
}

async function end(status: number): Promise<void> {
  if (ending) return
  ending = true
  const results = await Promise.allSettled([...closers].map((close) => close()))
  const failed = results.filter((result) => result.status === 'rejected')
  for (const { reason } of failed) console.error(reason)
  process.exit(failed.length > 0 ? 1 : status)
}
