/**
 * UDP tells nothing of who listens, so silence until the timeout is passing, as is any answer; critical is only what the
 * network refuses: no address, no route, or the target's host saying that the port is closed.
 */
import { createSocket } from 'node:dgram'
import type { LookupAddress } from 'node:dns'
import type { CheckResult, Probe } from './contract.ts'
import { networkError } from './output.ts'
import { guardedLookup, hostOf } from './target.ts'

export const probeUdp: Probe = async ({ udp: address = '' }, signal) => {
  const url = new URL(`udp://${address}`)
  try {
    const found = await resolveHost(hostOf(url))
    await send(found, Number(url.port), signal)
    return { status: 'passing', output: `UDP connect ${address}: Success` }
  } catch (error) {
    return failure(error, address)
  }
}

function failure(error: unknown, address: string): CheckResult {
  return { status: 'critical', output: networkError(error, address).replace('dial tcp', 'dial udp') }
}

function resolveHost(host: string): Promise<LookupAddress> {
  return new Promise((resolve, reject) => {
    guardedLookup(host, {}, (error, address, family) => {
      if (error !== null) reject(error)
      else resolve({ address: address as string, family: family ?? 4 })
    })
  })
}

/** Connected, because only a connected socket hears that the port is closed. */
async function send({ address, family }: LookupAddress, port: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const refused = (error?: Error | null) => {
    if (error) reject(error)
  }
  const silent = () => resolve()
  signal.addEventListener('abort', silent)
  socket.on('error', reject)
  socket.once('message', silent)
  socket.connect(port, address, (error?: Error) => {
    if (error) reject(error)
    else socket.send(Buffer.alloc(0), refused)
  })
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', silent)
    socket.close()
  }
}
