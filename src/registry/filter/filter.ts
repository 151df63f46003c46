/** Filter expressions at work: checked against the fields that an endpoint's objects have, then asked of each object. */
import { Refusal } from '../state/refusal.ts'
import type { Field, Fields } from './fields.ts'
import { type Expression, type Match, type Operator, parseFilter } from './parse.ts'
import { compileRegExp } from './regexp.ts'
import { Steps } from './steps.ts'

export type Filter = (object: unknown) => boolean

/** A test of the value that a selector leads to. */
type Test = (value: unknown) => boolean

/** Of the filter's text, in an error. */
const SHOWN_MAX = 200

/**
 * What comes back gives the filter for one answer, which throws a Refusal 400 when that answer costs too much.
 * @throws Refusal 500 with Consul's words: a bad expression, an unknown selector, an operator the field does not have.
 */
export function createFilter(text: string, fields: Fields): () => Filter {
  const steps = new Steps(`filter ${JSON.stringify(text.slice(0, SHOWN_MAX))}`)
  try {
    const filter = compile(parseFilter(text), fields, steps)
    return () => {
      steps.begin()
      return filter
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new Refusal(500, `Failed to create boolean expression evaluator: ${error.message}`)
  }
}

function compile(expression: Expression, fields: Fields, steps: Steps): Filter {
  if (expression.type === 'match') return compileMatch(expression, fields, steps)
  if (expression.type === 'not') {
    const inner = compile(expression.inner, fields, steps)
    return (object) => !inner(object)
  }
  const left = compile(expression.left, fields, steps)
  const right = compile(expression.right, fields, steps)
  return expression.type === 'and'
    ? (object) => left(object) && right(object)
    : (object) => left(object) || right(object)
}

/** In a list of objects any element will do, for `!=` as well: that is Consul's meaning, not logic's. */
function compileMatch(match: Match, fields: Fields, steps: Steps): Filter {
  const test = createTest(match, fieldAt(match, fields), steps)
  const wanted: Test = (value) => {
    steps.take()
    return test(value) !== match.negated
  }
  return (object) => reach(object, match.path, wanted)
}

function reach(value: unknown, path: readonly string[], test: Test): boolean {
  const [key, ...rest] = path
  if (key === undefined) return test(value)
  if (Array.isArray(value)) return value.some((item) => reach(item, path, test))
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return test(undefined)
  return reach((value as Record<string, unknown>)[key], rest, test)
}

function fieldAt({ selector, path }: Match, fields: Fields): Field {
  let field: Field | undefined = fields
  for (const key of path) field = memberOf(field, key)
  if (field === undefined || isStructure(field)) throw new SyntaxError(`Selector "${selector}" is not valid`)
  return field
}

function memberOf(field: Field | undefined, key: string): Field | undefined {
  if (field === 'map') return 'string'
  if (field === undefined || typeof field === 'string') return undefined
  const members = isList(field) ? field[0] : field
  return Object.hasOwn(members, key) ? members[key] : undefined
}

const isList = (field: Field): field is readonly [Fields] => Array.isArray(field)
const isStructure = (field: Field) => typeof field === 'object' && !isList(field)

const OPERATORS: Readonly<Record<string, readonly Operator[]>> = {
  string: ['Equal', 'In', 'Matches'],
  int: ['Equal'],
  bool: ['Equal'],
  strings: ['In', 'Is Empty'],
  map: ['In', 'Is Empty'],
  list: ['Is Empty'],
}

function createTest(match: Match, field: Field, steps: Steps): Test {
  const type = typeof field === 'string' ? field : 'list'
  const { operator, value, negated, selector } = match
  if (!OPERATORS[type]!.includes(operator)) {
    const shown = negated ? (operator === 'Is Empty' ? 'Is Not Empty' : `Not ${operator}`) : operator
    throw new SyntaxError(`Invalid match operator "${shown}" for selector "${selector}"`)
  }
  if (operator === 'Is Empty') return isEmpty
  if (operator === 'Matches') {
    const matches = compileRegExp(value, steps)
    return (given) => typeof given === 'string' && matches(given)
  }
  if (operator === 'In') return (given) => holds(given, value)
  const wanted = coerce(type, value, selector)
  return (given) => (given ?? zero(type)) === wanted
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || Object.keys(value).length === 0
}

/** Part of a string, element of a list, key of a map. */
function holds(given: unknown, value: string): boolean {
  if (typeof given === 'string') return given.includes(value)
  if (Array.isArray(given)) return given.includes(value)
  return typeof given === 'object' && given !== null && Object.hasOwn(given, value)
}

function coerce(type: string, value: string, selector: string): unknown {
  const fault = (kind: string) =>
    new SyntaxError(`Failed to coerce value "${value}" for selector "${selector}": not ${kind}`)
  if (type === 'int') {
    if (!/^-?\d+$/.test(value)) throw fault('an integer')
    return Number(value)
  }
  if (type === 'bool') {
    if (value !== 'true' && value !== 'false') throw fault('a boolean')
    return value === 'true'
  }
  return value
}

/** Fields that are left out when they are zero (Port) still have that value; a missing key of a map has none. */
const zero = (type: string) => (type === 'int' ? 0 : type === 'bool' ? false : undefined)
