/** The caller's deadline: milliseconds left, relative, so that clocks need not agree. */
import { DEADLINE_HEADER } from '../../client/headers.ts'
import { header } from '../../core/headers.ts'
import type { ServiceStep } from '../exchange.ts'

/** Longer is no deadline but an accident; a timer could not hold it either. */
const LONGEST_MS = 86_400_000

/** A malformed one is as good as none: an optional header must not break a call. */
export const callerDeadline: ServiceStep = (exchange, next) => {
  const text = header(exchange.inbound.headers, DEADLINE_HEADER)
  const ms = text !== undefined && /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : LONGEST_MS
  if (ms < LONGEST_MS) exchange.limitTime(ms)
  return next(exchange)
}
