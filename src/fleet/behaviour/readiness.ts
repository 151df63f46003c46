import type { ReadyMessage } from '../../core/parent.ts'
import type { Behaviour, Run } from '../behaviour.ts'
import type { Host } from '../host.ts'

/** Between two questions, ms. */
const INTERVAL_MS = 100
const TIMEOUT_MS = 1000

/**
 * Learns when an instance serves. A program that says so over the IPC channel is believed about its port and, where there
 * is a health path, asked there until it answers 2xx; one that says nothing is asked on the port which it was given.
 * Always the app's own port: a health answer from anywhere else says nothing about the app.
 */
export function readiness(host: Host): Behaviour {
  const asking = new WeakSet<Run>()
  const spoken = new WeakSet<Run>()

  async function ask(run: Run): Promise<void> {
    const port = run.port
    if (port === undefined || run.readyAt !== undefined) return
    if (await healthy(run, port, spoken.has(run))) run.becomeReady(run.port)
    else run.after(INTERVAL_MS, () => void ask(run))
  }

  async function healthy({ spec, host: at }: Run, port: number, said: boolean): Promise<boolean> {
    const path = spec.healthPath ?? (spec.entry === undefined ? undefined : '/health/ready')
    const address = { host: at, port }
    if (path === undefined) return said || (await host.askTcp(address, TIMEOUT_MS))
    const status = await host.askHttp(address, path, TIMEOUT_MS)
    return status !== undefined && status >= 200 && status < 300
  }

  function begin(run: Run): void {
    if (run.port === undefined || asking.has(run)) return
    asking.add(run)
    void ask(run)
  }

  return {
    launched: begin,
    message(run, message) {
      if (!isReady(message) || run.readyAt !== undefined) return
      run.port = message.port
      spoken.add(run)
      begin(run)
    },
  }
}

function isReady(message: unknown): message is ReadyMessage {
  const { type, port } = (message ?? {}) as Partial<ReadyMessage>
  return type === 'skein:ready' && Number.isInteger(port) && port! > 0 && port! < 65_536
}
