/** Whether this instance wants traffic: not while it drains, and not while the app's own health function objects. */
import type { Host } from './exchange.ts'

/** The registry's check waits 1 s; an answer that comes later is none. */
const HEALTH_TIMEOUT_MS = 900

export interface Readiness {
  readonly status: 'ready' | 'unready' | 'draining'
  readonly reason?: string
}

/** Probes that come while the health function runs share its result, so that a hanging one is not piled up. */
export function createReadiness(health: (() => unknown) | undefined): (host: Host) => Promise<Readiness> {
  let running: Promise<Readiness> | undefined
  return async (host) => {
    if (host.phase !== 'serving') return { status: 'draining' }
    if (health === undefined) return { status: 'ready' }
    running ??= ask(health).finally(() => {
      running = undefined
    })
    return withinTime(running, host)
  }
}

async function ask(health: () => unknown): Promise<Readiness> {
  try {
    await health()
    return { status: 'ready' }
  } catch (error) {
    return { status: 'unready', reason: error instanceof Error ? error.message : String(error) }
  }
}

async function withinTime(answer: Promise<Readiness>, { clock }: Host): Promise<Readiness> {
  const late = Promise.withResolvers<Readiness>()
  const reason = `the health function has not answered in ${HEALTH_TIMEOUT_MS} ms`
  const timer = clock.after(HEALTH_TIMEOUT_MS, () => late.resolve({ status: 'unready', reason }))
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    timer.cancel()
  }
}
