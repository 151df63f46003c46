/** The executable's inside: runs the command line of this process. bin/skein.js loads it. */
import { systemClock, type Timer } from '../core/clock.ts'
import { runCommandLine } from './run.ts'

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    // `skein ps | head -1`: the reader has gone, and there is nobody left to tell.
    if (code === 'EPIPE') process.exit()
    if (stream === process.stdout) process.stderr.write(`Error: the output cannot be written: ${message}\n`)
    process.exit(1)
  })
}

/** A command that waits for a change or for a lock may have nothing else that keeps its process alive. */
let alive: Timer
function stay(): void {
  alive = systemClock.after(24 * 3_600_000, stay, true)
}
stay()

process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
})
alive!.cancel()
