/** Makes the store ready for ACLs, and takes tokens out of it when their time is over. */
import type { Clock, Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import { because } from '../history/origin.ts'
import type { TokenBody } from '../state/acl-records.ts'
import { RESOURCE } from '../state/resources.ts'
import type { Store } from '../store.ts'
import { type AccessControl, type AclOptions, ClosedAccess, OPEN_ACCESS } from './access-control.ts'
import { BUILTIN_POLICIES } from './builtin.ts'
import { ANONYMOUS_ID, ANONYMOUS_SECRET } from './contract.ts'
import { managementToken, newToken } from './token.ts'

/** Without `options` nobody is asked who they are; what is stored about ACLs waits then. */
export async function openAccess(
  store: Store,
  clock: Clock,
  datacenter: string,
  options: AclOptions | undefined,
  log: Logger,
): Promise<AccessControl> {
  if (options === undefined) return OPEN_ACCESS
  const CreateTime = new Date(clock.now()).toISOString()
  const anonymous = { ...newToken(ANONYMOUS_ID, ANONYMOUS_SECRET, CreateTime), Description: 'Anonymous Token' }
  const { initialManagement = '' } = options
  const management =
    initialManagement === ''
      ? undefined
      : { ...managementToken(initialManagement, CreateTime), Description: 'Initial Management Token' }
  await because({ Cause: 'restart' }, () =>
    store.write({
      type: 'acl',
      action: { kind: 'init', policies: BUILTIN_POLICIES, tokens: [anonymous], management },
    }),
  )
  const canManage = store.state.acl.bootstraps.size > 0 || (options.ownToken ?? '') !== ''
  if (!canManage) log.warn('ACLs are on and nobody may manage them yet: run skein consul acl bootstrap on this machine')
  return new ClosedAccess(store.state, clock, datacenter, options)
}

/** Timers are no good beyond about 24 days. */
const LOOK_AGAIN_MS = 3_600_000
const RETRY_MS = 5_000

/**
 * Removes expired tokens. They count as gone the moment they expire; the removal wakes the queries that are held in their
 * name. Returns what ends it.
 */
export function reapTokens({ store, clock, log }: { store: Store; clock: Clock; log: Logger }): () => void {
  let timer: Timer | undefined
  const schedule = (atLeastMs = 0) => {
    timer?.cancel()
    const next = Math.min(...[...store.state.acl.tokens.values()].map(expiryOf))
    if (next === Number.POSITIVE_INFINITY) return
    timer = clock.after(Math.min(Math.max(atLeastMs, next - clock.now()), LOOK_AGAIN_MS), () => void reap())
  }
  const reap = async () => {
    try {
      await because({ Cause: 'reaper' }, () => removeExpired(store, clock.now()))
      schedule()
    } catch (err) {
      log.warn({ err }, 'expired tokens could not be removed; they are refused all the same')
      schedule(RETRY_MS)
    }
  }
  const forget = store.hub.follow([RESOURCE.acl], () => schedule())
  schedule()
  return () => {
    forget()
    timer?.cancel()
  }
}

const expiryOf = ({ ExpirationTime }: TokenBody) =>
  ExpirationTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(ExpirationTime)

async function removeExpired(store: Store, now: number): Promise<void> {
  const expired = [...store.state.acl.tokens.values()].filter((token) => expiryOf(token) <= now)
  for (const { AccessorID } of expired) {
    await store.write({ type: 'acl', action: { kind: 'token-delete', accessor: AccessorID } })
  }
}
