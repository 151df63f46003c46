/**
 * GET /v1/skein/history?service=&node=&kind=&since=&last=: what happened, oldest first. `kind` is register, update,
 * deregister, status, kv or acl; `since` a time (RFC 3339) or how long ago (`10m`); `last` at most so many of the newest,
 * default 100.
 */
import { Sight } from '../../acl/sight.ts'
import type { Entry } from '../../history/contract.ts'
import { Refusal } from '../../state/refusal.ts'
import { parseDuration } from '../duration.ts'
import { type Answer, type ApiRequest, json, type Registry } from '../endpoint.ts'
import { filteredHeader } from '../read.ts'

const LAST_DEFAULT = 100
const LAST_MAX = 10_000

export async function history(request: ApiRequest, { store, clock }: Registry): Promise<Answer> {
  const { query } = request
  await store.catchUp()
  const given = (name: string) => query.get(name) || undefined
  const since = given('since')
  const entries = store.history.list({
    service: given('service'),
    node: given('node'),
    kind: given('kind'),
    since: since && readSince(since, clock.now()),
    last: readLast(given('last')),
  })
  const sight = new Sight(request.rights)
  const seen = entries.filter((entry) => isSeen(entry, sight))
  return json(seen, 200, filteredHeader(request, sight.isPartial))
}

/** As whoever may see the thing itself now. */
function isSeen({ Acl, Key, Node = '', Service = '' }: Entry, sight: Sight): boolean {
  if (Acl !== undefined) return sight.acl()
  return Key === undefined ? sight.instance(Node, Service) : sight.key(Key)
}

function readSince(text: string, now: number): string {
  if (/^\d{4}-/.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString()
  try {
    return new Date(now - parseDuration(text)).toISOString()
  } catch {
    throw new Refusal(400, 'Invalid since: give a time (2026-01-31T12:00:00Z) or how long ago (10m)')
  }
}

function readLast(text: string | undefined): number {
  if (text === undefined) return LAST_DEFAULT
  const last = Number(text)
  if (Number.isInteger(last) && last >= 1 && last <= LAST_MAX) return last
  throw new Refusal(400, `Invalid last: a whole number from 1 to ${LAST_MAX}`)
}
