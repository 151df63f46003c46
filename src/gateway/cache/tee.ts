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
          if (total > maxBytes) chunks = undefined
          chunks?.push(bytes)
          sink.chunk(bytes)
        },
        end(trailers) {
          onWhole(chunks && Buffer.concat(chunks))
          sink.end(trailers)
        },
        fail(error) {
          onWhole(undefined)
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
