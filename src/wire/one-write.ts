/**
 * Head and body with one system call and no garbage: both are put into one buffer, which is used again as soon as the system has
 * copied it, mostly at once. The other ways cost more: a gathering write (cork) 2 to 3 µs, a string of both, up to twice its
 * length in garbage.
 */
import type { Socket } from 'node:net'
import type { Done } from './body.ts'

/** Above this, copying costs more than it saves, bytes. */
const TOGETHER_MAX = 64 * 1024

let buffer: Buffer | undefined

/** `head` is Latin-1. `done` once nothing looks at `body` any more, or never. False as that of the socket: hold back. */
export function writeTogether(socket: Socket, head: string, body: Uint8Array, done?: Done): boolean {
  const length = head.length + body.length
  // What TLS is given it keeps for a while, so that each write would need a buffer of its own.
  if (length > TOGETHER_MAX || 'encrypted' in socket || socket.writableLength > 0)
    return writeBoth(socket, head, body, done)
  buffer ??= Buffer.allocUnsafeSlow(TOGETHER_MAX)
  buffer.write(head, 0, 'latin1')
  buffer.set(body, head.length)
  done?.()
  const more = socket.write(buffer.subarray(0, length))
  // The system has not taken all of it, so it is not ours any more.
  if (socket.writableLength > 0) buffer = undefined
  return more
}

function writeBoth(socket: Socket, head: string, body: Uint8Array, done: Done | undefined): boolean {
  socket.cork()
  socket.write(head, 'latin1')
  const more = socket.write(body, done)
  socket.uncork()
  return more
}
