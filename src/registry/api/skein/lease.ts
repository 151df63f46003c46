/**
 * GET /v1/skein/lease?instance=&check=: held open by a living instance. When the connection ends, its TTL check (`check`; all
 * of them without) turns critical within half a second instead of after its TTL, and with the next beat it passes again. The
 * first line of the answer is `{"Held": [check IDs]}`; then a line feed comes every 15 s. Nobody needs it: whoever meets 404
 * here goes on with beats alone.
 */
import type { Writable } from 'node:stream'
import type { Clock, Timer } from '../../../core/clock.ts'
import { onNode } from '../../state/records.ts'
import { Refusal } from '../../state/refusal.ts'
import { findService } from '../agent-service.ts'
import { encodeJson } from '../encoded.ts'
import { type Answer, type ApiRequest, lookTwice, type Registry } from '../endpoint.ts'

const HEARTBEAT_MS = 15_000
/** Each is a connection. */
const LEASES_MAX = 20_000

export async function lease(request: ApiRequest, registry: Registry): Promise<Answer> {
  const id = request.query.get('instance') ?? ''
  if (id === '') throw new Refusal(400, 'Missing instance')
  const { leases, store, node, clock } = registry
  if (leases.size >= LEASES_MAX) throw new Refusal(429, `Too many leases are held (${LEASES_MAX})`)
  await lookTwice(registry, () => store.state.services.has(onNode(node, id)))
  request.rights.require('service', 'write', findService(registry, id, `unknown service ID: ${id}`).Service)
  const checks = checksOf(request, registry, id)
  return {
    status: 200,
    headers: ['Content-Type', 'application/x-ndjson', 'Cache-Control', 'no-store', 'X-Accel-Buffering', 'no'],
    stream(out) {
      const release = leases.hold(checks, () => out.end())
      const stop = beat(out, clock)
      out.on('close', () => {
        stop()
        release()
      })
      out.write(`${encodeJson({ Held: checks })}\n`)
    },
  }
}

/** @throws Refusal 400 when there is no TTL check to turn critical. */
function checksOf({ query }: ApiRequest, { store, node, checks }: Registry, id: string): string[] {
  const asked = query.get('check') ?? ''
  const own = [...store.state.instanceChecks.get(onNode(node, id)).keys()].filter((check) => checks.hasTtl(check))
  const found = asked === '' ? own : own.filter((check) => check === asked)
  if (found.length > 0) return found
  throw new Refusal(400, asked === '' ? `service ID ${id} has no TTL check` : `${asked} is no TTL check of ${id}`)
}

/** Also finds out, by writing, that a host has vanished without a word. */
function beat(out: Writable, clock: Clock): () => void {
  let timer: Timer
  const arm = () => {
    timer = clock.after(HEARTBEAT_MS, () => {
      if (out.writableNeedDrain) out.destroy()
      else out.write('\n')
      arm()
    })
  }
  arm()
  return () => timer.cancel()
}
