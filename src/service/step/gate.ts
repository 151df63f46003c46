/** A closing instance takes nothing new; what comes on a kept connection is told to go elsewhere. */
import { SkeinError } from '../../core/errors.ts'
import type { ServiceStep } from '../exchange.ts'

export const gate: ServiceStep = (exchange, next) => {
  const { host } = exchange
  if (host.phase === 'closing') {
    throw new SkeinError('SHUTTING_DOWN', `${host.instance} is shutting down`, { service: host.name })
  }
  return next(exchange)
}
