import { asSkeinError, type SkeinError } from '../core/errors.ts'
import type { Logger } from '../core/log.ts'

/** A failure of which no client hears. Those of services are their own affair; a mistake of ours is an error all the same. */
export function noteHidden(log: Logger, thrown: unknown, about: object, words: string): SkeinError {
  const error = asSkeinError(thrown)
  if (error.code === 'INTERNAL') log.error({ err: thrown, ...about }, words)
  else log.debug({ err: thrown, ...about }, words)
  return error
}
