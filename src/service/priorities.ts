/** Which priority the operation of a request has, for services where one declares its own. */
import createRouter from 'find-my-way'
import type { Prepared } from './operation.ts'
import type { PriorityOf } from './step/prioritise.ts'

/** Undefined where none does, so that no request is looked up for it. */
export function declaredPriorities(operations: readonly Prepared[]): PriorityOf | undefined {
  if (operations.every(({ priority }) => priority === undefined)) return undefined
  const routes = createRouter()
  for (const operation of operations) routes.on(operation.method, operation.path, () => {}, operation)
  return ({ method, path }) => {
    const found = routes.find(method === 'HEAD' ? 'GET' : (method as Prepared['method']), path)
    return (found?.store as Prepared | undefined)?.priority
  }
}
