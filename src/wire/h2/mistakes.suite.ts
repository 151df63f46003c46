/** What a client may not say, and what that costs it. Each is told to the server by itself, and to a gateway by test/hostile. */
import { CODE, FLAG, FRAME } from './codes.ts'
import { block, data, frame, GET, headers, POST, priority, reset, settings, windowUpdate, word } from './talk.suite.ts'

interface Mistake {
  readonly said: Buffer[]
  readonly code: number
}

/** Mistakes that cost the stream. */
export const STREAM_ERRORS: Readonly<Record<string, Mistake>> = {
  'less than the length that was said': {
    said: [headers(1, [...POST, ['content-length', '2']], 0), data(1, 'a', FLAG.endStream)],
    code: CODE.protocol,
  },
  'more than the length that was said': {
    said: [headers(1, [...POST, ['content-length', '2']], 0), data(1, 'abc')],
    code: CODE.protocol,
  },
  'a body that was said to be empty': {
    said: [headers(1, [...POST, ['content-length', '0']], 0), data(1, 'a', FLAG.endStream)],
    code: CODE.protocol,
  },
  'in pieces, less than the length that was said': {
    said: [headers(1, [...POST, ['content-length', '4']], 0), data(1, 'ab'), data(1, 'c', FLAG.endStream)],
    code: CODE.protocol,
  },
  'DATA behind the end of its request': { said: [headers(1, GET), data(1, 'a')], code: CODE.streamClosed },
  'HEADERS behind the end of their request': { said: [headers(1, GET), headers(1, GET)], code: CODE.streamClosed },
  'trailers that end nothing': { said: [headers(1, POST, 0), headers(1, [['x-t', '1']], 0)], code: CODE.protocol },
  'trailers with a pseudo-header': { said: [headers(1, POST, 0), headers(1, [[':path', '/']])], code: CODE.protocol },
  'trailers before the body is as long as was said': {
    said: [headers(1, [...POST, ['content-length', '2']], 0), headers(1, [['x-t', '1']])],
    code: CODE.protocol,
  },
  'a window opened by nothing': { said: [headers(1, POST, 0), windowUpdate(1, 0)], code: CODE.protocol },
  'a window that is too large': { said: [headers(1, POST, 0), windowUpdate(1, 2 ** 31 - 1)], code: CODE.flowControl },
  'more than its window': {
    said: [headers(1, POST, 0), ...Array.from({ length: 5 }, () => data(1, Buffer.alloc(16_000)))],
    code: CODE.flowControl,
  },
  'a stream that depends on itself': {
    said: [frame(FRAME.headers, 0x25, 1, Buffer.concat([Buffer.from([0, 0, 0, 1, 9]), block(GET)]))],
    code: CODE.protocol,
  },
  'PRIORITY of a stream on itself': {
    said: [headers(1, POST, 0), priority(1, 1, 9)],
    code: CODE.protocol,
  },
}

/** Mistakes that cost the connection. */
export const CONNECTION_ERRORS: Readonly<Record<string, Mistake>> = {
  'DATA of no stream': { said: [data(0, 'a')], code: CODE.protocol },
  'HEADERS of no stream': { said: [headers(0, GET)], code: CODE.protocol },
  'a stream of an even number': { said: [headers(2, GET)], code: CODE.protocol },
  'a stream with a lower number than one before': {
    said: [headers(3, GET), headers(1, GET)],
    code: CODE.streamClosed,
  },
  'DATA of a stream that has not begun': { said: [data(1, 'a')], code: CODE.protocol },
  'RST_STREAM of one that has not begun': { said: [reset(1)], code: CODE.protocol },
  'WINDOW_UPDATE of one that has not begun': { said: [windowUpdate(1, 1)], code: CODE.protocol },
  'DATA of a stream that has ended': { said: [headers(1, GET), data(1, 'a')], code: CODE.streamClosed },
  'HEADERS of a stream that has ended': { said: [headers(1, GET), headers(1, GET)], code: CODE.streamClosed },
  'HEADERS behind a reset': { said: [headers(1, POST, 0), reset(1), headers(1, GET)], code: CODE.streamClosed },
  'CONTINUATION behind a reset': {
    said: [headers(1, POST, 0), reset(1), frame(FRAME.continuation, FLAG.endHeaders, 1, block(GET))],
    code: CODE.protocol,
  },
  'DATA behind a reset': { said: [headers(1, POST, 0), reset(1), data(1, 'a')], code: CODE.streamClosed },
  'a frame that is too large': { said: [frame(FRAME.data, 0, 1, Buffer.alloc(16_385))], code: CODE.frameSize },
  'a head that is interrupted': {
    said: [frame(FRAME.headers, 0, 1, block(GET)), headers(3, GET)],
    code: CODE.protocol,
  },
  'a head that is interrupted by PRIORITY': {
    said: [frame(FRAME.headers, 0, 1, block(GET)), priority(1, 3, 9)],
    code: CODE.protocol,
  },
  'a head whose continuation is interrupted by DATA': {
    said: [frame(FRAME.headers, 0, 1, block(GET)), frame(FRAME.continuation, 0, 1), data(1, 'a')],
    code: CODE.protocol,
  },
  'a head that is interrupted by an unknown frame': {
    said: [frame(FRAME.headers, 0, 1, block(GET)), frame(99, 0, 0)],
    code: CODE.protocol,
  },
  'a head that another stream continues': {
    said: [frame(FRAME.headers, 0, 1, block(GET)), frame(FRAME.continuation, FLAG.endHeaders, 3)],
    code: CODE.protocol,
  },
  'CONTINUATION of nothing': { said: [frame(FRAME.continuation, FLAG.endHeaders, 1)], code: CODE.protocol },
  'CONTINUATION of no stream': {
    said: [frame(FRAME.headers, 0, 1, block(GET)), frame(FRAME.continuation, FLAG.endHeaders, 0)],
    code: CODE.protocol,
  },
  'CONTINUATION of a head that has ended': {
    said: [headers(1, POST, 0), frame(FRAME.continuation, FLAG.endHeaders, 1, block(GET))],
    code: CODE.protocol,
  },
  'CONTINUATION of a head that another one has ended': {
    said: [
      ...[frame(FRAME.headers, 0, 1, block(POST)), frame(FRAME.continuation, FLAG.endHeaders, 1)],
      frame(FRAME.continuation, FLAG.endHeaders, 1),
    ],
    code: CODE.protocol,
  },
  'CONTINUATION behind DATA': {
    said: [headers(1, POST, 0), data(1, 'a'), frame(FRAME.continuation, FLAG.endHeaders, 1, block(GET))],
    code: CODE.protocol,
  },
  'a head that does not end': {
    said: [
      frame(FRAME.headers, 0, 1, block(GET)),
      ...Array.from({ length: 10 }, () => frame(FRAME.continuation, 0, 1)),
    ],
    code: CODE.enhanceYourCalm,
  },
  'a block that cannot be read': {
    said: [frame(FRAME.headers, FLAG.endHeaders, 1, Buffer.from([0xff]))],
    code: CODE.compression,
  },
  'HEADERS that are too large': {
    said: [frame(FRAME.headers, FLAG.endHeaders, 1, Buffer.alloc(16_385))],
    code: CODE.frameSize,
  },
  'HEADERS that are padded with more than they have': {
    said: [frame(FRAME.headers, FLAG.padded | FLAG.endHeaders, 1, Buffer.from([20, 0x82]))],
    code: CODE.protocol,
  },
  'PRIORITY of no stream': { said: [priority(0, 1, 9)], code: CODE.protocol },
  'GOAWAY of a stream': { said: [frame(FRAME.goaway, 0, 1, Buffer.alloc(8))], code: CODE.protocol },
  'more padding than frame': {
    said: [headers(1, POST, 0), frame(FRAME.data, FLAG.padded, 1, Buffer.from([2, 0]))],
    code: CODE.protocol,
  },
  'padding that is missing': { said: [headers(1, POST, 0), frame(FRAME.data, FLAG.padded, 1)], code: CODE.protocol },
  PUSH_PROMISE: { said: [frame(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.alloc(4))], code: CODE.protocol },
  'SETTINGS of a stream': { said: [frame(FRAME.settings, 0, 1)], code: CODE.protocol },
  'SETTINGS that are cut off': { said: [frame(FRAME.settings, 0, 0, Buffer.alloc(5))], code: CODE.frameSize },
  'an acknowledgement with content': {
    said: [frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(6))],
    code: CODE.frameSize,
  },
  'ENABLE_PUSH 2': { said: [settings([2, 2])], code: CODE.protocol },
  'INITIAL_WINDOW_SIZE too large': { said: [settings([4, 2 ** 31])], code: CODE.flowControl },
  'MAX_FRAME_SIZE too small': { said: [settings([5, 16_383])], code: CODE.protocol },
  'MAX_FRAME_SIZE too large': { said: [settings([5, 2 ** 24])], code: CODE.protocol },
  'a PING that is too short': { said: [frame(FRAME.ping, 0, 0, Buffer.alloc(7))], code: CODE.frameSize },
  'a PING of a stream': { said: [frame(FRAME.ping, 0, 1, Buffer.alloc(8))], code: CODE.protocol },
  'a PRIORITY that is too short': { said: [frame(FRAME.priority, 0, 1, Buffer.alloc(4))], code: CODE.frameSize },
  'an RST_STREAM that is too short': {
    said: [headers(1, POST, 0), frame(FRAME.reset, 0, 1, Buffer.alloc(3))],
    code: CODE.frameSize,
  },
  'an RST_STREAM of no stream': { said: [word(FRAME.reset, 0, 0)], code: CODE.protocol },
  'a WINDOW_UPDATE that is too long': {
    said: [frame(FRAME.windowUpdate, 0, 0, Buffer.alloc(5))],
    code: CODE.frameSize,
  },
  'the window of all opened by nothing': { said: [windowUpdate(0, 0)], code: CODE.protocol },
  'the window of all too large': { said: [windowUpdate(0, 2 ** 31 - 1)], code: CODE.flowControl },
  'a window made too large by SETTINGS': {
    said: [headers(1, POST, 0), windowUpdate(1, 2 ** 31 - 1 - 65_535), settings([4, 65_536])],
    code: CODE.flowControl,
  },
  'HEADERS that are too short for their priority': {
    said: [frame(FRAME.headers, 0x25, 1, Buffer.alloc(4))],
    code: CODE.frameSize,
  },
  'PRIORITY on itself of a stream that is not there': {
    said: [priority(1, 1, 9)],
    code: CODE.protocol,
  },
  'a GOAWAY that is cut off': { said: [frame(FRAME.goaway, 0, 0, Buffer.alloc(7))], code: CODE.frameSize },
}
