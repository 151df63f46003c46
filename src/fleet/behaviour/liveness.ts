import type { Clock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import type { Behaviour, Run } from '../behaviour.ts'
import type { ServiceSpec } from '../contract.ts'
import type { Host } from '../host.ts'

const INTERVAL_MS = 1000
const TIMEOUT_MS = 1000
const MISSES_MAX = 5

/**
 * Ends an instance that has stopped answering: frozen, dead-locked or in an endless loop. A frozen process still accepts
 * connections (the kernel does), so only an answer over HTTP counts; any status does, since "not ready" is alive.
 * Not for a program that is being debugged: at a breakpoint it does not answer either.
 */
export function liveness(host: Host, clock: Clock, random: Random): Behaviour {
  async function ask(run: Run, path: string, misses: number): Promise<void> {
    const asked = clock.monotonic()
    const status = await host.askHttp({ host: run.host, port: run.port! }, path, TIMEOUT_MS)
    if (run.stopping) return
    const missed = status === undefined ? misses + 1 : 0
    if (missed === MISSES_MAX) return run.fail(`did not answer for ${(MISSES_MAX * INTERVAL_MS) / 1000} s`)
    run.after(Math.max(0, INTERVAL_MS - (clock.monotonic() - asked)), () => void ask(run, path, missed))
  }

  return {
    ready(run) {
      const path = livePath(run.spec)
      if (path === undefined || run.port === undefined || isDebugged(run.spec)) return
      // A random first wait: instances started together are not all asked in the same moment.
      run.after(random() * INTERVAL_MS, () => void ask(run, path, 0))
    },
  }
}

function livePath(spec: ServiceSpec): string | undefined {
  return spec.entry === undefined ? spec.healthPath : '/health/live'
}

function isDebugged(spec: ServiceSpec): boolean {
  return [...(spec.command ?? []), spec.env['NODE_OPTIONS'] ?? ''].some((word) => word.includes('--inspect'))
}
