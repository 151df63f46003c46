/** Bodies compressed on their way to the client. Levels are those at which time per byte is still small. */
import { pipeline, type Transform } from 'node:stream'
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import type { BodySource } from '../wire/body.ts'
import { fromReadable, toReadable } from '../wire/incoming.ts'
import type { Coding } from './rule/compress.ts'

const { constants } = zlib
const BR_OPTIONS = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }
const ZSTD_OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 3 } }
const GZIP_OPTIONS = { level: 5 }

interface Codec {
  whole(bytes: Uint8Array): Promise<Uint8Array>
  /** Each chunk is flushed: what the upstream has sent, the client is to see. */
  stream(): Transform
}

const CODECS: Readonly<Record<Coding, Codec>> = {
  br: {
    whole: (bytes) => promisify<zlib.InputType, zlib.BrotliOptions, Uint8Array>(zlib.brotliCompress)(bytes, BR_OPTIONS),
    stream: () => zlib.createBrotliCompress({ ...BR_OPTIONS, flush: constants.BROTLI_OPERATION_FLUSH }),
  },
  zstd: {
    whole: (bytes) => promisify<zlib.InputType, zlib.ZstdOptions, Uint8Array>(zlib.zstdCompress)(bytes, ZSTD_OPTIONS),
    stream: () => zlib.createZstdCompress({ ...ZSTD_OPTIONS, flush: constants.ZSTD_e_flush }),
  },
  gzip: {
    whole: (bytes) => promisify<zlib.InputType, zlib.ZlibOptions, Uint8Array>(zlib.gzip)(bytes, GZIP_OPTIONS),
    stream: () => zlib.createGzip({ ...GZIP_OPTIONS, flush: constants.Z_SYNC_FLUSH }),
  },
}

export function compressWhole(bytes: Uint8Array, coding: Coding): Promise<Uint8Array> {
  return CODECS[coding].whole(bytes)
}

/** Dropping it drops `source`; a source that breaks off breaks it off. */
export function compressStream(source: BodySource, coding: Coding): BodySource {
  // The callback makes errors of either stream end both, and be reported by the body alone.
  return fromReadable(pipeline(toReadable(source), CODECS[coding].stream(), () => {}))
}

/** A body that is there already. */
export function wholeBody(bytes: Uint8Array): BodySource {
  let started = false
  const take = () => {
    if (started) throw new Error('the body was read before')
    started = true
    return bytes
  }
  return {
    complete: true,
    get started() {
      return started
    },
    whole: take,
    read(sink) {
      sink.chunk(take())
      sink.end([])
    },
    pause() {},
    resume() {},
    drop() {
      started = true
    },
  }
}
