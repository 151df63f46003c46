/**
 * The two messages of grpc.health.v1.Health/Check, by hand: one field each is no reason for a protobuf library. Pure.
 * `HealthCheckRequest { string service = 1 }`, `HealthCheckResponse { ServingStatus status = 1 }`, each behind gRPC's
 * prefix: a byte that says whether it is compressed, and four with the length.
 */

const PREFIX_BYTES = 5
const SERVICE_TAG = 0x0a // field 1, bytes
const STATUS_TAG = 0x08 // field 1, varint
const VARINT_BYTES_MAX = 5

export function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service)
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([SERVICE_TAG, ...varint(name.length)]), name])
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

/** By the number of ServingStatus. */
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** The name of the status. A message without the field says UNKNOWN. @throws when these bytes are no such answer. */
export function decodeStatus(body: Buffer): string {
  if (body.length < PREFIX_BYTES || body.readUInt32BE(1) !== body.length - PREFIX_BYTES) {
    throw new Error('the answer is not one whole gRPC message')
  }
  if (body[0] !== 0) throw new Error('the answer is compressed, which was not asked for')
  const message = body.subarray(PREFIX_BYTES)
  if (message.length === 0) return STATUSES[0]!
  if (message[0] !== STATUS_TAG) throw new Error('the answer is not a HealthCheckResponse')
  const number = readVarint(message.subarray(1))
  return STATUSES[number] ?? `status ${number}`
}

function readVarint(bytes: Buffer): number {
  let value = 0
  for (const [position, byte] of bytes.subarray(0, VARINT_BYTES_MAX).entries()) {
    value += (byte & 0x7f) * 2 ** (7 * position)
    if (byte < 0x80) return value
  }
  throw new Error('the answer is not a HealthCheckResponse')
}
