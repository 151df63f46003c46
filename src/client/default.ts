/** The caller and the registry client that a process has one of, made from the environment when they are first needed. */
import { createLogger, type Logger } from '../core/log.ts'
import { ownZone, registryAddress, registryToken } from '../core/settings.ts'
import { ConsulClient } from '../discovery/consul-client.ts'
import type { Source } from '../discovery/contract.ts'
import { snapshotFolder } from '../discovery/snapshot-place.ts'
import { consulSource } from '../discovery/source/consul.ts'
import { createCaller } from './caller.ts'
import type { Caller } from './contract.ts'

let log: Logger | undefined
let consul: ConsulClient | undefined
let source: Source | undefined
let caller: Caller | undefined

/** A client of the registry at SKEIN_REGISTRY, with the token in SKEIN_REGISTRY_TOKEN. */
export function defaultConsul(): ConsulClient {
  log ??= createLogger()
  consul ??= new ConsulClient({
    address: registryAddress(process.env),
    token: registryToken(process.env),
    log,
    snapshots: snapshotFolder(process.env),
  })
  return consul
}

/** A caller that discovers through `defaultConsul`. */
export function defaultCaller(): Caller {
  if (caller === undefined) {
    const client = defaultConsul()
    source = consulSource({ client, log })
    caller = createCaller({ source, log, zone: ownZone(process.env) })
  }
  return caller
}

/**
 * Ends what was made: watches hold connections open, and these keep a process from ending by itself. A later call starts
 * afresh.
 */
export async function closeDefaults(): Promise<void> {
  const made = [caller, source, consul]
  caller = source = consul = undefined
  for (const one of made) await one?.close()
}
