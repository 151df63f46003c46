/** What a gateway process needs of the registry: who is there, and the client through which requests go on. */
import { type CallerOptions, createCaller } from '../../client/caller.ts'
import type { Caller } from '../../client/contract.ts'
import type { Logger } from '../../core/log.ts'
import { type Environment, ownZone, registryToken } from '../../core/settings.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { snapshotFolder } from '../../discovery/snapshot-place.ts'
import { consulSource } from '../../discovery/source/consul.ts'

export interface Outward {
  readonly consul: ConsulClient
  readonly caller: Caller
  close(): Promise<void>
}

export function registryClient(address: string, env: Environment, log: Logger): ConsulClient {
  return new ConsulClient({ address, token: registryToken(env), log, snapshots: snapshotFolder(env, address) })
}

export function goOutward(consul: ConsulClient, log: Logger, options: Partial<CallerOptions> = {}): Outward {
  const source = consulSource({ client: consul, log })
  const caller = createCaller({ source, log, zone: ownZone(process.env), ...options })
  return {
    consul,
    caller,
    async close() {
      await caller.close()
      await source.close()
      await consul.close()
    },
  }
}
