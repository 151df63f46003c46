/** A worker's end of the channel, told by a supervisor that is none. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { VirtualClock } from '../../core/clock.ts'
import type { ToWorker } from './contract.ts'
import { WorkerLink } from './link.ts'

test('the key of TLS sessions is there with the settings, and each later one is told', async () => {
  const channel = Object.assign(new EventEmitter(), { connected: true, send: () => true })
  const link = new WorkerLink(channel as unknown as NodeJS.Process, new VirtualClock())
  const say = (message: ToWorker) => channel.emit('message', message)
  const keysOf = (fill: number) => Buffer.alloc(48, fill)
  say({ type: 'start', settings: { a: 1 }, ticketKeys: keysOf(1).toString('base64') })
  assert.deepEqual([await link.settings, link.ticketKeys.current], [{ a: 1 }, keysOf(1)])
  const seen: Buffer[] = []
  link.ticketKeys.onChange = () => seen.push(link.ticketKeys.current)
  for (const fill of [2, 3]) say({ type: 'ticket-keys', ticketKeys: keysOf(fill).toString('base64') })
  assert.deepEqual(seen, [keysOf(2), keysOf(3)])
})
