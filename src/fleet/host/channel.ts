/**
 * The fleet's end of a program's IPC channel, by what Node documents for any parent (child_process, "custom execPath"): the program
 * finds a descriptor in NODE_CHANNEL_FD, and on it go lines of JSON. Not Node's own end (stdio `ipc`): it throws where nobody can catch
 * it when a program writes anything else there, and would end the fleet.
 */
import type { ChildProcess } from 'node:child_process'
import type { ProcessListener } from '../host.ts'
import { LineSplitter } from '../lines.ts'

/** Among the descriptors of the program. */
const CHANNEL = 3

export const CHANNEL_ENVIRONMENT = {
  NODE_CHANNEL_FD: String(CHANNEL),
  NODE_CHANNEL_SERIALIZATION_MODE: 'json',
} as const

const SHOWN_MAX = 100

/** It stays open whatever comes: to the program its end means that the fleet has gone. The first nonsense is told among its errors. */
export function listenTo(child: ChildProcess, listener: ProcessListener): void {
  let isTold = false
  const lines = new LineSplitter((line) => {
    const message = messageIn(line)
    if (message !== undefined) return listener.message(message)
    if (!isTold) listener.output('stderr', Buffer.from(`${complaintOn(line)}\n`))
    isTold = true
  })
  // There is none where no file descriptor was left for it. That it breaks says no more than that the program has ended.
  child.stdio[CHANNEL]?.on('error', () => {}).on('data', (chunk: Uint8Array) => lines.write(chunk))
}

/** Undefined for what is no JSON. */
function messageIn(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function complaintOn(line: string): string {
  return `skein: this program wrote to its IPC channel what is no message: ${JSON.stringify(line.slice(0, SHOWN_MAX))}`
}
