/**
 * The parent of a program that is not Node: `node guard.ts program arguments…`. It leads the process group in which the
 * program runs, passes signals on to the group (shells and package managers do not), ends as the program ends, and kills
 * the group when the fleet is gone. It costs one Node process per instance; a program cannot watch the fleet by itself.
 */
import { spawn } from 'node:child_process'
import { systemClock } from '../core/clock.ts'
import { onParentGone } from '../core/parent.ts'

/** Time to drain after the fleet has gone, ms. */
const GRACE_MS = 2000
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const

const [program = '', ...args] = process.argv.slice(2)
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })

child.on('error', (error: NodeJS.ErrnoException) => {
  const reason = error.code === 'ENOENT' ? `no such program on the PATH` : error.message
  console.error(`Error: cannot start "${program}": ${reason}`)
  process.exit(127)
})
for (const signal of SIGNALS) process.on(signal, () => passOn(signal))
let alone = false
onParentGone(() => {
  alone = true
  passOn('SIGTERM')
  systemClock.after(GRACE_MS, () => process.kill(-process.pid, 'SIGKILL'), true)
})
child.on('exit', (code, signal) => {
  if (alone) process.kill(-process.pid, 'SIGKILL') // nobody else would sweep up what the program has started
  if (signal === null) process.exit(code ?? 1)
  // Die of the same signal, so that the fleet reports it; the handlers above must not catch it.
  for (const name of SIGNALS) process.removeAllListeners(name)
  process.kill(process.pid, signal)
})

const echoes = new Set<string>()

/** The guard is in the group too: its own echo of a signal is not passed on again. */
function passOn(signal: NodeJS.Signals): void {
  if (echoes.delete(signal)) return
  echoes.add(signal)
  process.kill(-process.pid, signal)
}
