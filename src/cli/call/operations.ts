/** The operations of a service, for people: how to call each. */
import type { OperationContract, ServiceContract } from '../../core/contract.ts'
import { propertiesOf, requiredOf, typesOf } from '../../service/json-schema.ts'
import { table } from '../ui/table.ts'
import type { Paint } from '../ui/terminal.ts'

export function operationLines({ operations, service }: ServiceContract, paint: Paint): string[] {
  const columns = [{ title: 'CALL' }, { title: 'INPUT' }, { title: 'HTTP' }, { title: 'ERRORS' }]
  const rows = Object.entries(operations).map(([name, operation]) => [
    paint('cyan', `${service}.${name}`),
    inputOf(operation),
    paint('dim', `${operation.method} ${operation.path}`),
    Object.keys(operation.errors).join(' '),
  ])
  return table(columns, rows, paint)
}

/** `--id <string> [--limit <number>]`. */
function inputOf({ input }: OperationContract): string {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return ''
  const schema = input as Record<string, unknown>
  const required = requiredOf(schema)
  const fields = [...propertiesOf(schema)].map(([name, property]) => {
    const form = `--${name} <${[...typesOf(property, schema)].join('|') || 'any'}>`
    return required.has(name) ? form : `[${form}]`
  })
  return fields.join(' ')
}
