/**
 * Filter expressions as text: `Service.Meta.version == "2" and not (Checks.Status != passing)`. Grammar:
 *
 *     or     = and { "or" and }
 *     and    = not { "and" not }
 *     not    = "not" not | "(" or ")" | match
 *     match  = selector ("==" | "!=" | ["not"] "contains" | ["not"] "matches") value
 *            | selector "is" ["not"] "empty" | value ["not"] "in" selector
 *
 * A value is a quoted or back-quoted string, a word or a number; a selector is dotted, `Node.Meta["a-b"]` where a key is
 * no word.
 */

export type Operator = 'Equal' | 'Is Empty' | 'In' | 'Matches'

export interface Match {
  readonly type: 'match'
  /** As it was written, for error texts. */
  readonly selector: string
  readonly path: readonly string[]
  readonly operator: Operator
  readonly negated: boolean
  readonly value: string
}

export type Expression =
  | Match
  | { readonly type: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'not'; readonly inner: Expression }

interface Token {
  readonly kind: 'text' | 'word' | 'sign' | 'end'
  readonly text: string
  readonly at: number
}

const SIGN = /\(|\)|==|!=/y
const TEXT = /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y
const WORD = /[A-Za-z][\w/.-]*(?:\["(?:[^"\\]|\\.)*"\](?:\.[A-Za-z][\w/.-]*)?)*|-?\d+(?:\.\d+)?/y
/** Deeper nesting is nobody's filter but could exhaust the stack. */
const DEPTH_MAX = 64

/** @throws SyntaxError `line:column (offset): …`. */
export function parseFilter(text: string): Expression {
  return new Parser(tokenize(text), text).parse()
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; ; ) {
    while (/\s/.test(text[at] ?? '')) at++
    if (at >= text.length) return [...tokens, { kind: 'end', text: '', at }]
    const token = tokenAt(text, at)
    if (token === undefined) throw fault(text, at)
    tokens.push(token)
    at += token.text.length
  }
}

function tokenAt(text: string, at: number): Token | undefined {
  for (const [kind, pattern] of [
    ['sign', SIGN],
    ['text', TEXT],
    ['word', WORD],
  ] as const) {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) return { kind, text: found, at }
  }
  return undefined
}

function fault(text: string, at: number): SyntaxError {
  const lines = text.slice(0, at).split('\n')
  const expected = 'expected a selector, an operator or a value'
  return new SyntaxError(`${lines.length}:${lines.at(-1)!.length + 1} (${at}): no match found, ${expected}`)
}

class Parser {
  readonly #tokens: readonly Token[]
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[], text: string) {
    this.#tokens = tokens
    this.#text = text
  }

  parse(): Expression {
    const expression = this.#or()
    if (this.#token.kind !== 'end') throw this.#fault()
    return expression
  }

  #or(): Expression {
    if (++this.#depth > DEPTH_MAX) throw this.#fault()
    let expression = this.#and()
    while (this.#take('or')) expression = { type: 'or', left: expression, right: this.#and() }
    this.#depth--
    return expression
  }

  #and(): Expression {
    let expression = this.#not()
    while (this.#take('and')) expression = { type: 'and', left: expression, right: this.#not() }
    return expression
  }

  #not(): Expression {
    let negations = 0
    while (this.#take('not')) negations++
    const inner = this.#take('(') ? this.#group() : this.#match()
    return negations % 2 === 0 ? inner : { type: 'not', inner }
  }

  #group(): Expression {
    const inner = this.#or()
    if (!this.#take(')')) throw this.#fault()
    return inner
  }

  #match(): Match {
    const first = this.#operand()
    if (this.#take('==')) return this.#with(first, 'Equal', false)
    if (this.#take('!=')) return this.#with(first, 'Equal', true)
    if (this.#take('is')) return this.#emptiness(first)
    const negated = this.#take('not')
    if (this.#take('contains')) return this.#with(first, 'In', negated)
    if (this.#take('matches')) return this.#with(first, 'Matches', negated)
    if (this.#take('in')) return this.#make(this.#operand(), 'In', negated, textOf(first))
    throw this.#fault()
  }

  #emptiness(selector: Token): Match {
    const negated = this.#take('not')
    if (!this.#take('empty')) throw this.#fault()
    return this.#make(selector, 'Is Empty', negated, '')
  }

  #with(selector: Token, operator: Operator, negated: boolean): Match {
    return this.#make(selector, operator, negated, textOf(this.#operand()))
  }

  #make(selector: Token, operator: Operator, negated: boolean, value: string): Match {
    if (selector.kind !== 'word') throw fault(this.#text, selector.at)
    return { type: 'match', selector: selector.text, path: pathOf(selector.text), operator, negated, value }
  }

  get #token(): Token {
    return this.#tokens[this.#at]!
  }

  #operand(): Token {
    const token = this.#token
    if (token.kind !== 'word' && token.kind !== 'text') throw this.#fault()
    this.#at++
    return token
  }

  #take(text: string): boolean {
    if (this.#token.kind === 'text' || this.#token.text !== text) return false
    this.#at++
    return true
  }

  #fault(): SyntaxError {
    return fault(this.#text, this.#token.at)
  }
}

function pathOf(selector: string): string[] {
  const parts = selector.matchAll(/\["((?:[^"\\]|\\.)*)"\]|[^.[]+/g)
  return [...parts].map(([whole, quoted]) => (quoted === undefined ? whole : withoutEscapes(quoted)))
}

function textOf({ kind, text }: Token): string {
  if (kind === 'word') return text
  const inner = text.slice(1, -1)
  return text.startsWith('`') ? inner : withoutEscapes(inner)
}

const withoutEscapes = (text: string) =>
  text.replace(/\\(.)/g, (_all, unit: string) => ({ n: '\n', t: '\t', r: '\r' })[unit] ?? unit)
