/** How long a command that serves goes on: until a signal comes, or the fleet that started it is gone. */
import { onParentGone } from '../core/parent.ts'

/**
 * Calls `run` with 1 when the process is asked to end (SIGINT, SIGTERM, its fleet gone), with 2 when it is asked once more.
 * Returns the function that stops listening.
 */
export function onAskedToEnd(run: (times: number) => void): () => void {
  let times = 0
  const asked = () => run(++times)
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, asked)
  const forgetParent = onParentGone(asked)
  return () => {
    forgetParent()
    for (const signal of signals) process.off(signal, asked)
  }
}

/** Resolves when the process is asked to end. Asked a second time it ends at once: whoever asks twice will not wait. */
export function untilAskedToEnd(): Promise<void> {
  return new Promise((resolve) => {
    onAskedToEnd((times) => (times === 1 ? resolve() : process.exit(1)))
  })
}
