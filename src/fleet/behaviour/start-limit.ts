import type { Behaviour } from '../behaviour.ts'

/** Time to become ready, ms. */
const START_LIMIT_MS = 30_000

/** A start that hangs counts as failed, so that it is seen and tried again. */
export function startLimit(): Behaviour {
  return {
    launched(run) {
      run.after(START_LIMIT_MS, () => {
        if (run.readyAt === undefined) run.fail(describe(run.port))
      })
    },
  }
}

function describe(port: number | undefined): string {
  const seconds = START_LIMIT_MS / 1000
  if (port === undefined) return `not ready within ${seconds} s: it has not said on which port it listens`
  return `not ready within ${seconds} s: nothing healthy answers on port ${port} (it is given in $PORT)`
}
