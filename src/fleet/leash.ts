/**
 * Preloaded into every Node program of the fleet (`node --import`): ends the process when the fleet is gone, even when
 * that was killed with -9 and the program itself knows nothing of Skein. Without it a plain `node app.js` would live on.
 *
 * Not covered: a process that is frozen (SIGSTOP) or in an endless synchronous loop when the fleet dies cannot notice it.
 * A watching thread would see the loop; it was not chosen, because every instance would pay for it.
 */
import { isMainThread } from 'node:worker_threads'
import { systemClock } from '../core/clock.ts'
import { hasParent } from '../core/parent.ts'

/** Time to drain, ms; then the whole process group is killed. */
const GRACE_MS = 5000

if (isMainThread && hasParent()) {
  forgetPreload()
  process.on('disconnect', leave)
  // The listener must not keep a program alive that has closed its servers and wants to end.
  process.channel?.unref()
  if (!process.connected) leave()
}

/** A program's own forks would inherit the preload, and then take their parent for the fleet. */
function forgetPreload(): void {
  const at = process.execArgv.indexOf(import.meta.url)
  if (at > 0) process.execArgv.splice(at - 1, 2)
}

function leave(): void {
  const sweep = () => process.kill(-process.pid, 'SIGKILL')
  const drainsByItself = process.listenerCount('disconnect') > 1 // knows of the fleet (core/parent.ts)
  if (!drainsByItself && process.listenerCount('SIGTERM') === 0) return void sweep()
  systemClock.after(GRACE_MS, sweep)
  process.on('exit', sweep) // what this program has started would be left behind
  if (!drainsByItself) process.kill(process.pid, 'SIGTERM')
}
