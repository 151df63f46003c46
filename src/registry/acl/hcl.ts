/**
 * The part of HCL (version 1) that rules are written in, and JSON, read into one tree. No library, because none for
 * JavaScript is both kept up and without native code or WebAssembly. Refused: interpolation and here-documents, which no rule needs.
 */

/** A block or object: its entries in order; the same name may come again. */
export type Tree = readonly (readonly [name: string, value: Value])[]
export type Value = string | number | boolean | readonly Value[] | { readonly block: Tree }

/** @throws RulesError naming line and column. */
export function parseTree(text: string): Tree {
  return text.trimStart().startsWith('{') ? fromJson(text) : new Parser(text).file()
}

export class RulesError extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(`Failed to parse ACL rules: ${reason}`)
    this.name = 'RulesError'
    this.reason = reason
  }
}

function fromJson(text: string): Tree {
  try {
    const { block } = toValue(JSON.parse(text)) as { block: Tree }
    return block
  } catch (error) {
    if (error instanceof SyntaxError) throw new RulesError(error.message)
    throw error
  }
}

function toValue(json: unknown): Value {
  if (typeof json === 'string' || typeof json === 'number' || typeof json === 'boolean') return json
  if (Array.isArray(json)) return json.map(toValue)
  if (json === null) throw new RulesError('null is no value')
  return { block: Object.entries(json as object).map(([name, value]) => [name, toValue(value)] as const) }
}

type Kind = 'word' | 'string' | 'number' | 'punctuation' | 'end'

interface Token {
  readonly kind: Kind
  /** Of a string: without quotes and escapes. */
  readonly text: string
  readonly at: number
}

const SPACE = /(?:[\s\ufeff]|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y
const TOKENS: readonly (readonly [Kind, RegExp])[] = [
  ['word', /[A-Za-z_][A-Za-z0-9_.-]*/y],
  ['number', /-?\d+(?:\.\d+)?/y],
  ['punctuation', /[{}[\]=,]/y],
]
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' }
const DEPTH_MAX = 8

class Parser {
  readonly #text: string
  #at = 0
  #next: Token
  #depth = 0

  constructor(text: string) {
    this.#text = text
    this.#next = this.#read()
  }

  file(): Tree {
    const entries: (readonly [string, Value])[] = []
    while (this.#next.kind !== 'end') entries.push(this.#entry())
    return entries
  }

  /** `name = value`, or `name "label" … { block }`, whose labels are blocks around it. */
  #entry(): readonly [string, Value] {
    const name = this.#take(['word', 'string'], 'a name')
    const labels: string[] = []
    while (this.#next.kind === 'string' || this.#next.kind === 'word') labels.push(this.#advance().text)
    if (this.#next.text === '=' && this.#next.kind === 'punctuation') {
      if (labels.length > 0) this.#fail(this.#next, 'an object after a label')
      this.#advance()
    } else if (!this.#is('{')) this.#fail(this.#next, labels.length > 0 ? 'an object' : '= or an object')
    const value = this.#value()
    const wrapped = labels.reduceRight<Value>((inner, label) => ({ block: [[label, inner]] }), value)
    if (this.#is(',')) this.#advance()
    return [name.text, wrapped]
  }

  #value(): Value {
    if (this.#is('{')) return { block: this.#within('{', '}', () => this.#entry()) }
    if (this.#is('[')) return this.#within('[', ']', () => this.#item())
    const token = this.#advance()
    if (token.kind === 'string') return token.text
    if (token.kind === 'number') return Number(token.text)
    if (token.kind === 'word' && (token.text === 'true' || token.text === 'false')) return token.text === 'true'
    return this.#fail(token, 'a value')
  }

  #item(): Value {
    const value = this.#value()
    if (this.#is(',')) this.#advance()
    return value
  }

  #within<T>(open: string, close: string, read: () => T): T[] {
    const opened = this.#advance()
    if (++this.#depth > DEPTH_MAX) this.#fail(opened, `at most ${DEPTH_MAX} levels, not another ${open}`)
    const found: T[] = []
    while (!this.#is(close)) {
      if (this.#next.kind === 'end') this.#fail(this.#next, close)
      found.push(read())
    }
    this.#advance()
    this.#depth--
    return found
  }

  #is(text: string): boolean {
    return this.#next.kind === 'punctuation' && this.#next.text === text
  }

  #take(kinds: readonly Kind[], expected: string): Token {
    if (!kinds.includes(this.#next.kind)) this.#fail(this.#next, expected)
    return this.#advance()
  }

  #advance(): Token {
    const token = this.#next
    if (token.kind !== 'end') this.#next = this.#read()
    return token
  }

  #read(): Token {
    this.#match(SPACE)
    const at = this.#at
    if (at >= this.#text.length) return { kind: 'end', text: 'end of file', at }
    if (this.#text[at] === '"') return { kind: 'string', text: this.#string(at), at }
    for (const [kind, pattern] of TOKENS) {
      const text = this.#match(pattern)
      if (text !== '') return { kind, text, at }
    }
    throw this.#error(at, `illegal character ${JSON.stringify(this.#text[at])}`)
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const [found = ''] = pattern.exec(this.#text) ?? []
    this.#at += found.length
    return found
  }

  #string(opened: number): string {
    let text = ''
    for (let at = opened + 1; at < this.#text.length; at++) {
      const unit = this.#text[at]!
      if (unit === '"') {
        this.#at = at + 1
        return text
      }
      if (unit === '\n') break
      if (unit === '$' && this.#text[at + 1] === '{') throw this.#error(at, 'interpolation is not supported')
      if (unit !== '\\') text += unit
      else text += ESCAPES[this.#text[++at] ?? ''] ?? this.#badEscape(at)
    }
    throw this.#error(opened, 'literal not terminated')
  }

  #badEscape(at: number): never {
    throw this.#error(at, 'illegal char escape')
  }

  #fail(token: Token, expected: string): never {
    throw this.#error(token.at, `expected ${expected}, got: ${token.text}`)
  }

  /** As Consul counts: line and column from 1. */
  #error(at: number, reason: string): RulesError {
    const before = this.#text.slice(0, at).split('\n')
    return new RulesError(`At ${before.length}:${before.at(-1)!.length + 1}: ${reason}`)
  }
}
