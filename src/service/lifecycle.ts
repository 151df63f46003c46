/** From start to end of an instance, in the order in which it happens. */
import { sleep } from '../core/clock.ts'
import { reportReady } from '../core/parent.ts'
import type { Host } from './exchange.ts'
import type { Registration } from './registration.ts'
import type { App } from './servable.ts'
import { createServing, type Serving } from './server.ts'
import type { ServerChoice } from './servers.ts'
import { onShutdown } from './shutdown.ts'

/** So long without a new request and the port may close, ms; callers that never hear of it get no more than the limit. */
const QUIET_MS = 50
const QUIET_LIMIT_MS = 2_000

export interface LifecycleOptions {
  readonly app: App
  readonly host: Host
  readonly server: ServerChoice
  readonly listenOn: { readonly host: string; readonly port: number }
  /** Starts the registration once the port is known; undefined = this instance is not to be found. */
  readonly register: (port: number) => Registration | undefined
  /** Between deregistering and closing the port, ms: time for those who watch to hear of it. */
  readonly drainDelayMs: number
  /** For the requests that are still being served after that, ms. */
  readonly drainTimeoutMs: number
  /** Close on SIGTERM, SIGINT and with the fleet. */
  readonly signals: boolean
  /** Last of all, also when the start fails. */
  readonly release: () => Promise<void> | undefined
}

export interface Running {
  readonly port: number
  /** Drains and closes; idempotent. Rejects with what the app's onStop throws. */
  close(): Promise<void>
}

/** @throws what the app's onStart throws, or the error of listening (EADDRINUSE …). */
export async function runLifecycle(options: LifecycleOptions): Promise<Running> {
  const { app, host, listenOn } = options
  const serving = createServing(app, host, options.server)
  // From the first moment, as one that is asked to end in the middle of its start ends in order as well; in a container, as process 1,
  // it would else not even be ended by the signal.
  const begun = Promise.withResolvers<() => Promise<void>>()
  let isAsked = false
  const endOnceBegun = async () => {
    isAsked = true
    await (await begun.promise)()
  }
  const forget = options.signals ? onShutdown(endOnceBegun) : () => {}
  try {
    const port = await start(serving, options)
    const registration = isAsked ? undefined : options.register(port)
    const close = once(() => end(serving, registration, options).finally(forget))
    begun.resolve(close)
    await registration?.attempted
    host.log.info({ port, address: listenOn.host }, 'serving')
    reportReady(port)
    return { port, close }
  } catch (error) {
    forget()
    begun.resolve(async () => {})
    throw error
  }
}

async function end(serving: Serving, registration: Registration | undefined, options: LifecycleOptions): Promise<void> {
  const { server, inFlight } = serving
  const { host, drainDelayMs, drainTimeoutMs } = options
  // First out of the registry, then no longer ready, then closed: never the other way round, or calls would still come.
  await registration?.deregister()
  host.phase = 'draining'
  if (registration !== undefined && drainDelayMs > 0) {
    await sleep(drainDelayMs, host.clock)
    // Who has not heard yet is served on: closing the port resets what still waits to be accepted.
    await inFlight.quiet(QUIET_MS, QUIET_LIMIT_MS, host.clock)
  }
  host.phase = 'closing'
  server.stopAccepting()
  if (!(await inFlight.idle(drainTimeoutMs, host.clock))) {
    host.log.warn({ inFlight: inFlight.count }, `requests still running after ${drainTimeoutMs} ms: broken off`)
  }
  server.destroy()
  await stop(options)
  host.log.info('stopped')
}

/** What onStart opened must not stay open when the port is taken; what it failed to open is its own affair. */
async function start({ server }: Serving, options: LifecycleOptions): Promise<number> {
  const { app, listenOn, release } = options
  try {
    await app.hooks.onStart?.()
  } catch (error) {
    await release()
    throw error
  }
  try {
    return await server.listen(listenOn.port, listenOn.host)
  } catch (error) {
    await stop(options)
    throw error
  }
}

async function stop({ app, release }: LifecycleOptions): Promise<void> {
  try {
    await app.hooks.onStop?.()
  } finally {
    await release()
  }
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= run()
    return running
  }
}
