/** Finds the operation. find-my-way's radix tree takes time linear in the path, whatever it is; no regular expressions. */
import createRouter from 'find-my-way'
import { SkeinError } from '../../core/errors.ts'
import { nearest } from '../../core/issues.ts'
import type { Exchange } from '../exchange.ts'
import type { Prepared } from '../operation.ts'

export interface Match {
  readonly operation: Prepared
  /** Decoded. */
  readonly params: Readonly<Record<string, string | undefined>>
}

/** The request's head is limited to 16 KiB, so a parameter needs no limit of its own; find-my-way's default is 100. */
const PARAM_LENGTH_MAX = 16_384

/** The step is made once per service. It throws UNKNOWN_OPERATION or METHOD_NOT_ALLOWED. */
export function router(service: string, operations: readonly Prepared[]): (exchange: Exchange) => Match {
  const routes = createRouter({ maxParamLength: PARAM_LENGTH_MAX })
  const methods = [...new Set(operations.map((operation) => operation.method))]
  for (const operation of operations) routes.on(operation.method, operation.path, unused, operation)

  return (exchange) => {
    const { method, path } = exchange
    const found = find(method, path) ?? (method === 'HEAD' ? find('GET', path) : undefined)
    if (found === undefined) throw notFound(exchange)
    exchange.operation = found.operation.name
    exchange.route = found.operation.path
    return found
  }

  function find(method: string, path: string): Match | undefined {
    const found = routes.find(method as Prepared['method'], path)
    return found === null ? undefined : { operation: found.store as Prepared, params: found.params }
  }

  function notFound({ method, path }: Exchange): SkeinError {
    const allow = methods.filter((other) => find(other, path) !== undefined)
    if (allow.includes('GET')) allow.push('HEAD')
    if (allow.length > 0) {
      return new SkeinError('METHOD_NOT_ALLOWED', `${service} has no ${method} ${path}`, { service, allow })
    }
    const near = operations.filter((operation) => isNear(path, operation.path)).map((operation) => operation.route)
    const details = near.length === 0 ? { service } : { service, near }
    return new SkeinError('UNKNOWN_OPERATION', `${service} has no ${method} ${path}`, details)
  }
}

/** The router only finds; who handles is decided here. */
function unused(): void {}

/** Same number of segments, each equal, a parameter, or mistyped by at most two letters. */
function isNear(path: string, template: string): boolean {
  const segments = path.split('/')
  const wanted = template.split('/')
  if (segments.length !== wanted.length) return false
  return wanted.every((part, i) => part.startsWith(':') || nearest(segments[i]!.slice(0, 64), [part]) !== undefined)
}
