import type { BodySource } from '../../wire/contract.ts'

/** `source`, and once it has passed whole, `onWhole` with its bytes if they are at most `maxBytes`; else `onWhole(undefined)`. */
export function tee(
  source: BodySource,
  maxBytes: number,
  onWhole: (bytes: Uint8Array | undefined) => void,
): BodySource {
  let chunks: Uint8Array[] | undefined = []
  let total = 0
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
      onWhole(bytes.length > maxBytes ? undefined : Buffer.from(bytes))
      return bytes
    },
    read(sink) {
      source.read({
        chunk(bytes) {
          total += bytes.length
          if (total <= maxBytes) chunks?.push(bytes)
          else if (chunks !== undefined) {
            chunks = undefined
            // At once: others may wait for it, and the rest may take long.
            onWhole(undefined)
          }
          sink.chunk(bytes)
        },
        end(trailers) {
          if (chunks !== undefined) onWhole(Buffer.concat(chunks))
          sink.end(trailers)
        },
        fail(error) {
          if (chunks !== undefined) onWhole(undefined)
          sink.fail(error)
        },
      })
    },
    pause: () => source.pause(),
    resume: () => source.resume(),
    drop(reason) {
      if (!source.started) onWhole(undefined)
      source.drop(reason)
    },
  }
}
