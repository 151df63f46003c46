/** The log of `skein up` itself: its lines pass through the view like those of the processes. */
import type { Clock } from '../../core/clock.ts'
import { createLogger, type Logger } from '../../core/log.ts'
import type { View } from './view.ts'

/** What stands before such a line where others have their instance. */
const NAME = 'skein'

export function fleetLog(view: View, clock: Clock): Logger {
  return createLogger({}, undefined, {
    write: (text) =>
      view.log({ at: clock.now(), service: NAME, instance: NAME, stream: 'stdout', text: text.trimEnd() }),
  })
}
