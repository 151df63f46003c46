/** SETTINGS (RFC 9113 §6.5): ours, and the client's as far as they matter to us. Pure. */
import { CODE, H2ConnectionError } from './codes.ts'

const ID = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const

export const WINDOW_MAX = 2 ** 31 - 1
const FRAME_MIN = 16_384
const FRAME_MAX = 2 ** 24 - 1

export type Settings = readonly (readonly [id: number, value: number])[]

/** Everything else is as it is by default. */
export function ourSettings(streamsMax: number, windowBytes: number, headBytes: number): Settings {
  return [
    [ID.maxConcurrentStreams, streamsMax],
    [ID.initialWindowSize, windowBytes],
    [ID.maxHeaderListSize, headBytes],
    // WebSockets (RFC 8441).
    [ID.enableConnectProtocol, 1],
  ]
}

export interface ClientSettings {
  /** What each stream may send, bytes; undefined where it is as before. */
  readonly windowBytes: number | undefined
  /** How large the table of its decoder is; undefined where it is as before. */
  readonly tableBytes: number | undefined
}

/** @throws H2ConnectionError */
export function readSettings(payload: Buffer): ClientSettings {
  if (payload.length % 6 !== 0) throw new H2ConnectionError(CODE.frameSize, 'SETTINGS are cut off')
  let windowBytes: number | undefined
  let tableBytes: number | undefined
  for (let at = 0; at < payload.length; at += 6) {
    const id = payload.readUInt16BE(at)
    const value = payload.readUInt32BE(at + 2)
    checkSetting(id, value)
    if (id === ID.initialWindowSize) windowBytes = value
    else if (id === ID.headerTableSize) tableBytes = value
  }
  return { windowBytes, tableBytes }
}

function checkSetting(id: number, value: number): void {
  if (id === ID.enablePush && value > 1) throw new H2ConnectionError(CODE.protocol, 'ENABLE_PUSH is 0 or 1')
  if (id === ID.initialWindowSize && value > WINDOW_MAX)
    throw new H2ConnectionError(CODE.flowControl, 'INITIAL_WINDOW_SIZE is too large')
  if (id === ID.maxFrameSize && (value < FRAME_MIN || value > FRAME_MAX))
    throw new H2ConnectionError(CODE.protocol, 'MAX_FRAME_SIZE is out of bounds')
}
