/**
 * Configuration in HCL, as the same object that the JSON would be. Read by the parser of rules: no here-documents, no
 * interpolation, which configurations do not have either.
 */
import { parseTree, type Tree, type Value } from '../../../registry/acl/hcl.ts'
import { type Fields, isObject } from './check.ts'

/** Keys that hold a list also when there is one block. */
const LISTS: readonly string[] = ['services', 'checks', 'watches']

/** @throws RulesError with line and column. */
export function fieldsOfHcl(text: string): Fields {
  const entries = [...plain(parseTree(text))]
  return Object.fromEntries(
    entries.map(([name, value]) => [name, LISTS.includes(name) && isObject(value) ? [value] : value]),
  )
}

/** Blocks of one name are a list: `service { … } service { … }`. */
function plain(tree: Tree): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const [name, value] of tree) {
    const before = found.get(name)
    found.set(name, before === undefined ? toJson(value) : [before, toJson(value)].flat())
  }
  return found
}

function toJson(value: Value): unknown {
  if (Array.isArray(value)) return value.map(toJson)
  return typeof value === 'object' && 'block' in value ? Object.fromEntries(plain(value.block)) : value
}
