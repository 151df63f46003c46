/** Which operation a request is for. find-my-way's radix tree takes time linear in the path, whatever it is; no regular expressions. */
import createRouter from 'find-my-way'
import type { Prepared } from './operation.ts'

export interface Match {
  readonly operation: Prepared
  /** Decoded. */
  readonly params: Readonly<Record<string, string | undefined>>
}

/** The request's head is limited to 16 KiB, so a parameter needs no limit of its own; find-my-way's default is 100. */
const PARAM_LENGTH_MAX = 16_384

/** HEAD is for the operation of GET where it has none of its own (RFC 9110 §9.3.2). */
export function operationFinder(operations: readonly Prepared[]): (method: string, path: string) => Match | undefined {
  const routes = createRouter({ maxParamLength: PARAM_LENGTH_MAX })
  for (const operation of operations) routes.on(operation.method, operation.path, unused, operation)
  const find = (method: string, path: string): Match | undefined => {
    const found = routes.find(method as Prepared['method'], path)
    return found === null ? undefined : { operation: found.store as Prepared, params: found.params }
  }
  return (method, path) => find(method, path) ?? (method === 'HEAD' ? find('GET', path) : undefined)
}

/** The router only finds; who handles is decided elsewhere. */
function unused(): void {}
