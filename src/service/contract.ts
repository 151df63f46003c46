/** The published promise of a service. */
import { createHash } from 'node:crypto'
import type { OperationContract, ServiceContract } from '../core/contract.ts'
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
