/** The real machine: child processes in process groups of their own, sockets on loopback. */
import { type Clock, systemClock } from '../../core/clock.ts'
import { freePort } from '../../core/free-port.ts'
import type { Host } from '../host.ts'
import { askHttp, askTcp } from './ask.ts'
import { launch } from './launch.ts'

export function systemHost(clock: Clock = systemClock): Host {
  return {
    launch: (plan, listener) => launch(plan, listener, clock),
    freePort: () => freePort(),
    askHttp: (address, path, timeoutMs) => askHttp(address, path, timeoutMs, clock),
    askTcp: (address, timeoutMs) => askTcp(address, timeoutMs, clock),
  }
}
