/** Does something before an unchanged app learns that it shall end. */
import { onParentGone } from '../../core/parent.ts'

type Emit = (event: string | symbol, ...args: unknown[]) => boolean

const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']

export interface Leaving {
  /** Always, first. Must not reject. */
  leave(): Promise<void>
  /** Only when the app does not listen for the signal itself, and so would be cut off in the middle of its answers. */
  finish(): Promise<void>
}

/**
 * Holds the first SIGTERM or SIGINT back until the instance has left, then lets it go on as if nothing had been: to the app's
 * own listeners or, when it has none, to the system, which ends the process by that signal. A second signal goes through
 * at once. The holding stands at `process.emit`, because a listener beside the app's own would not come before it.
 */
export function beforeTheEnd({ leave, finish }: Leaving): void {
  const emit = process.emit as Emit
  // Without any listener, Node would not emit but end.
  const holder = () => {}
  let held = false

  process.emit = function emitLater(event: string | symbol, ...args: unknown[]): boolean {
    const signal = SIGNALS.find((one) => one === event)
    if (signal === undefined) return Reflect.apply(emit, process, [event, ...args])
    if (held) return letGo(signal, args)
    held = true
    void leave()
      .then(() => (appListens(signal) ? undefined : finish()))
      .then(() => letGo(signal, args))
    return true
  } as typeof process.emit
  // After the line above: Node binds `process.emit` when the first listener for a signal comes.
  for (const signal of SIGNALS) process.on(signal, holder)

  function appListens(signal: NodeJS.Signals): boolean {
    return process.listeners(signal).some((listener) => listener !== holder)
  }

  function letGo(signal: NodeJS.Signals, args: unknown[]): boolean {
    for (const one of SIGNALS) process.off(one, holder)
    if (appListens(signal)) return Reflect.apply(emit, process, [signal, ...args])
    return process.kill(process.pid, signal)
  }

  onParentGone(() => void leave().then(() => process.exit(1)), { unref: true })
}
