/**
 * From a policy's text to its rules. Stricter than Consul, which skips what it does not know: a misspelt `deny` would
 * leave open what its author believes closed.
 */
import { type Access, NAMED, type NamedResource, type Rule, SINGLE, type SingleResource } from './contract.ts'
import { parseTree, RulesError, type Tree, type Value } from './hcl.ts'

const RULES_MAX_BYTES = 64 * 1024

/** @throws RulesError, whose text is shown to the policy's author. */
export function parseRules(text: string): readonly Rule[] {
  if (text.trim() === '') return []
  if (Buffer.byteLength(text) > RULES_MAX_BYTES) throw new RulesError(`longer than ${RULES_MAX_BYTES} bytes`)
  return parseTree(text).flatMap(([name, value]) => rulesOf(name, value))
}

function rulesOf(kind: string, value: Value): Rule[] {
  const single = SINGLE.find((one) => one === kind)
  if (single !== undefined) return [singleRule(single, value)]
  const isPrefix = kind.endsWith('_prefix')
  const resource = NAMED.find((one) => one === (isPrefix ? kind.slice(0, -'_prefix'.length) : kind))
  if (resource === undefined) throw new RulesError(`${JSON.stringify(kind)} is nothing that rules are for`)
  return blocksOf(kind, value).map(([name, body]) => ({
    resource,
    name,
    isPrefix,
    access: accessOf(kind, resource, name, body),
  }))
}

function singleRule(resource: SingleResource, value: Value): Rule {
  if (value === 'read' || value === 'write' || value === 'deny') {
    return { resource, name: '', isPrefix: false, access: value }
  }
  throw new RulesError(`Invalid ${resource} policy: ${shown(value)}; write ${resource} = "read", "write" or "deny"`)
}

/** `{ "name": body }`, or a list of such. */
function blocksOf(kind: string, value: Value): (readonly [string, Tree])[] {
  if (Array.isArray(value)) return value.flatMap((one: Value) => blocksOf(kind, one))
  const entries = isBlock(value) ? value.block : undefined
  if (entries === undefined) throw new RulesError(`Invalid ${kind} policy: write ${kind} "name" { policy = "read" }`)
  return entries.flatMap(([name, body]): (readonly [string, Tree])[] => {
    const bodies: readonly Value[] = Array.isArray(body) ? body : [body]
    return bodies.map((one) => {
      if (isBlock(one)) return [name, one.block]
      throw new RulesError(`Invalid ${kind} policy: it has no name; write ${kind} "name" { policy = "read" }`)
    })
  })
}

const isBlock = (value: Value): value is { readonly block: Tree } => typeof value === 'object' && 'block' in value

function accessOf(kind: string, resource: NamedResource, name: string, body: Tree): Access {
  let access: Access | undefined
  for (const [field, value] of body) {
    if (field === 'policy') access = readAccess(kind, resource, name, value)
    // What follows from it is a matter of the mesh, of which there is none.
    else if (field !== 'intentions' || (resource !== 'service' && resource !== 'identity')) {
      throw new RulesError(`Invalid ${kind} policy for ${JSON.stringify(name)}: unknown field ${JSON.stringify(field)}`)
    }
  }
  return access ?? readAccess(kind, resource, name, '')
}

function readAccess(kind: string, resource: NamedResource, name: string, value: Value): Access {
  if (value === 'read' || value === 'write' || value === 'deny') return value
  if (value === 'list' && resource === 'key') return value
  throw new RulesError(`Invalid ${kind} policy for ${JSON.stringify(name)}: ${shown(value)} is none`)
}

const shown = (value: Value) => (typeof value === 'string' ? JSON.stringify(value) : 'an object')
