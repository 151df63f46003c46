/** Which priority the operation of a request has, for services where one declares its own. */
import { operationFinder } from './find-operation.ts'
import type { Prepared } from './operation.ts'
import type { PriorityOf } from './step/prioritise.ts'

/** Undefined where none does, so that no request is looked up for it. */
export function declaredPriorities(operations: readonly Prepared[]): PriorityOf | undefined {
  if (operations.every(({ priority }) => priority === undefined)) return undefined
  const find = operationFinder(operations)
  return ({ method, path }) => find(method, path)?.operation.priority
}
