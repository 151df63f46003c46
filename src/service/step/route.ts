/** Finds the operation, or says which would have been near. */
import { SkeinError } from '../../core/errors.ts'
import { nearest } from '../../core/issues.ts'
import type { Exchange } from '../exchange.ts'
import { type Match, operationFinder } from '../find-operation.ts'
import type { Prepared } from '../operation.ts'

/** The step is made once per service. It throws UNKNOWN_OPERATION or METHOD_NOT_ALLOWED. */
export function router(service: string, operations: readonly Prepared[]): (exchange: Exchange) => Match {
  const find = operationFinder(operations)
  const methods = new Set([...operations.map(({ method }) => method), 'HEAD'])

  return (exchange) => {
    const { method, path } = exchange
    const found = find(method, path)
    if (found === undefined) throw notFound(exchange)
    exchange.operation = found.operation.name
    exchange.route = found.operation.path
    return found
  }

  function notFound({ method, path }: Exchange): SkeinError {
    const allow = [...methods].filter((other) => find(other, path) !== undefined)
    if (allow.length > 0) {
      return new SkeinError('METHOD_NOT_ALLOWED', `${service} has no ${method} ${path}`, { service, allow })
    }
    const near = operations.filter((operation) => isNear(path, operation.path)).map((operation) => operation.route)
    const details = near.length === 0 ? { service } : { service, near }
    return new SkeinError('UNKNOWN_OPERATION', `${service} has no ${method} ${path}`, details)
  }
}

/** Same number of segments, each equal, a parameter, or mistyped by at most two letters. */
function isNear(path: string, template: string): boolean {
  const segments = path.split('/')
  const wanted = template.split('/')
  if (segments.length !== wanted.length) return false
  return wanted.every((part, i) => part.startsWith(':') || nearest(segments[i]!.slice(0, 64), [part]) !== undefined)
}
