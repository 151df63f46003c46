import type { BodySource } from '../../wire/body.ts'
import type { Note } from './notes.ts'

/** `source`, and once it has passed whole, `onWhole` with its bytes if the note had room for them; else `onWhole(undefined)`. */
export function tee(source: BodySource, note: Note, onWhole: (bytes: Uint8Array | undefined) => void): BodySource {
  let isTold = false
  const tell = (bytes: Uint8Array | undefined) => {
    if (!isTold) onWhole(bytes)
    isTold = true
  }
  /** At once: others may wait for it, and the rest may take long. */
  const giveUp = () => {
    note.drop()
    tell(undefined)
  }
  if (!note.isOpen) giveUp()
  return {
    get complete() {
      return source.complete
    },
    get started() {
      return source.started
    },
    whole() {
      const bytes = source.whole()
      // A copy: it may be a view of a larger buffer, which would be kept with it.
      note.add(bytes)
      tell(note.finish())
      return bytes
    },
    read(sink) {
      note.begin()
      source.read({
        chunk(bytes) {
          note.add(bytes)
          if (!note.isOpen) tell(undefined)
          sink.chunk(bytes)
        },
        end(trailers) {
          tell(note.finish())
          sink.end(trailers)
        },
        fail(error) {
          giveUp()
          sink.fail(error)
        },
      })
    },
    pause: () => source.pause(),
    resume: () => source.resume(),
    drop(reason) {
      giveUp()
      source.drop(reason)
    },
  }
}
