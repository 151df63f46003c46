/** The published promise of a service, and its way into the registry. */
import { createHash } from 'node:crypto'
import { contractKey, type OperationContract, type ServiceContract } from '../core/contract.ts'
import type { ConsulClient } from '../discovery/consul-client.ts'
import type { Prepared } from './operation.ts'

export function buildContract(service: string, operations: readonly Prepared[]): ServiceContract {
  const byName = Object.fromEntries(operations.map((operation) => [operation.name, operationContract(operation)]))
  const hash = createHash('sha256').update(canonicalJson(byName)).digest('hex').slice(0, 16)
  return { service, hash, operations: byName }
}

function operationContract({ method, path, idempotent, input, output, errors }: Prepared): OperationContract {
  return {
    method,
    path,
    idempotent,
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    errors,
  }
}

/** Keys sorted, so that the same promise has the same hash whatever the order in which it was written. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

/** For each request of a publication, ms: the beat waits for it. */
const PUBLISH_TIMEOUT_MS = 2_000

/**
 * Writes the contract unless it is there already: a write wakes everyone who watches it.
 * @throws SkeinError REGISTRY_UNAVAILABLE
 */
export async function publishContract(
  consul: ConsulClient,
  contract: ServiceContract,
  signal?: AbortSignal,
): Promise<void> {
  const key = contractKey(contract.service)
  const text = JSON.stringify(contract)
  const options = { signal, timeoutMs: PUBLISH_TIMEOUT_MS }
  const present = await consul.kvGet(key, options)
  if (present?.value !== text) await consul.kvPut(key, text, options)
}
