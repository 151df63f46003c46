/**
 * Regular expressions in RE2's syntax, matched in time linear in the text, whatever the pattern: filters come from
 * strangers, and JavaScript's own RegExp takes exponential time on patterns made for it. A set of states is carried
 * along the text (K. Thompson, "Regular expression search algorithm", CACM 11(6), 1968); no captures are kept.
 * Understood: literals, `.`, classes with `[:alpha:]` and its like, `\d \w \s` and their opposites, `^ $ \A \z \b \B`, groups, `|`, `* + ? {n,m}`,
 * `(?i)` and `(?s)` at the beginning.
 */
import { Steps } from './steps.ts'

type Test = (unit: string) => boolean
type Assertion = (before: string | undefined, after: string | undefined) => boolean
type Instruction =
  | { readonly op: 'char'; readonly test: Test }
  | { readonly op: 'assert'; readonly test: Assertion }
  | { readonly op: 'split'; readonly to: readonly number[] }
  | { readonly op: 'match' }

/** Emits a part of the program: the part goes on at whatever is emitted after it. */
type Emit = (program: Instruction[]) => void

/** Bound of the compiled program: `((a{1000}){1000})` must not fill the memory. */
const PROGRAM_MAX = 10_000
/** Of groups in groups: parsing them is recursive. */
const DEPTH_MAX = 250

/** @throws SyntaxError when the pattern is not understood. */
export function compileRegExp(pattern: string, steps = new Steps('regular expression')): (text: string) => boolean {
  const program: Instruction[] = []
  new Parser(pattern, steps).parse()(program)
  program.push({ op: 'match' })
  steps.take(program.length)
  return (text) => run(program, [...text], steps)
}

/** The match may begin anywhere, so the first state is added again at every position. */
function run(program: readonly Instruction[], text: readonly string[], steps: Steps): boolean {
  let current: number[] = []
  for (let at = 0; ; at++) {
    const active = new Set<number>()
    for (const state of [...current, 0]) follow(program, state, text[at - 1], text[at], active)
    steps.take(active.size)
    if ([...active].some((state) => program[state]!.op === 'match')) return true
    const unit = text[at]
    if (unit === undefined) return false
    current = [...active].filter((state) => accepts(program[state]!, unit)).map((state) => state + 1)
  }
}

function accepts(instruction: Instruction, unit: string): boolean {
  return instruction.op === 'char' && instruction.test(unit)
}

/** Adds a state and all that it reaches without reading. */
function follow(
  program: readonly Instruction[],
  start: number,
  before: string | undefined,
  after: string | undefined,
  active: Set<number>,
): void {
  const waiting = [start]
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    if (active.has(state)) continue
    active.add(state)
    const instruction = program[state]!
    if (instruction.op === 'split') waiting.push(...instruction.to)
    else if (instruction.op === 'assert' && instruction.test(before, after)) waiting.push(state + 1)
  }
}

class Parser {
  readonly #units: readonly string[]
  #at = 0
  #depth = 0
  #ignoreCase = false
  #dotAll = false
  readonly #steps: Steps

  constructor(pattern: string, steps: Steps) {
    this.#steps = steps
    const flags = /^\(\?([is]+)\)/.exec(pattern)
    this.#ignoreCase = flags?.[1]?.includes('i') ?? false
    this.#dotAll = flags?.[1]?.includes('s') ?? false
    this.#units = [...pattern.slice(flags?.[0].length ?? 0)]
  }

  parse(): Emit {
    const emit = this.#alternatives()
    if (this.#at < this.#units.length) throw new SyntaxError('error parsing regexp: unexpected )')
    return emit
  }

  #alternatives(): Emit {
    const options = [this.#sequence()]
    while (this.#take('|')) options.push(this.#sequence())
    return options.reduceRight((rest, option) => either(option, rest))
  }

  #sequence(): Emit {
    const parts: Emit[] = []
    while (this.#at < this.#units.length && !'|)'.includes(this.#peek()!)) parts.push(this.#repeated())
    return (program) => {
      for (const part of parts) part(program)
    }
  }

  #repeated(): Emit {
    let part = this.#atom()
    for (;;) {
      if (this.#take('*')) part = repeat(part, 0, undefined)
      else if (this.#take('+')) part = repeat(part, 1, undefined)
      else if (this.#take('?')) part = repeat(part, 0, 1)
      else {
        const count = this.#count()
        if (count === undefined) return part
        part = repeat(part, count[0], count[1])
      }
      this.#take('?')
    }
  }

  /** `{n}`, `{n,}`, `{n,m}`; anything else beginning with a brace is literal. */
  #count(): [number, number | undefined] | undefined {
    const found = /^\{(\d+)(,(\d*))?\}/.exec(this.#units.slice(this.#at, this.#at + 12).join(''))
    if (found === null) return undefined
    this.#at += found[0].length
    const least = Number(found[1])
    const most = found[2] === undefined ? least : found[3] === '' ? undefined : Number(found[3])
    if (least > 1000 || (most ?? 0) > 1000 || (most ?? least) < least) {
      throw new SyntaxError(`error parsing regexp: invalid repeat count: \`${found[0]}\``)
    }
    return [least, most]
  }

  #atom(): Emit {
    const unit = this.#next()
    if (unit === '(') return this.#group()
    if (unit === '[') return char(this.#classOf())
    if (unit === '.') return char(this.#dotAll ? () => true : (one) => one !== '\n')
    if (unit === '^') return assertion((before) => before === undefined)
    if (unit === '$') return assertion((_before, after) => after === undefined)
    if (unit === '\\') return this.#escape()
    if ('*+?'.includes(unit))
      throw new SyntaxError(`error parsing regexp: missing argument to repetition operator: \`${unit}\``)
    return char(this.#literal(unit))
  }

  #group(): Emit {
    if (this.#take('?') && !this.#take(':'))
      throw new SyntaxError('error parsing regexp: invalid or unsupported Perl syntax: `(?`')
    if (++this.#depth > DEPTH_MAX) throw new SyntaxError('error parsing regexp: expression nests too deeply')
    const inner = this.#alternatives()
    this.#depth--
    if (!this.#take(')')) throw new SyntaxError('error parsing regexp: missing closing )')
    return inner
  }

  #escape(): Emit {
    const unit = this.#next()
    const known = ASSERTIONS[unit]
    if (known !== undefined) return assertion(known)
    return char(CLASSES[unit] ?? this.#literal(escaped(unit)))
  }

  #classOf(): Test {
    const negated = this.#take('^')
    const tests: Test[] = []
    do {
      tests.push(this.#classItem())
    } while (!this.#take(']'))
    return (unit) => {
      this.#steps.take(tests.length)
      return tests.some((test) => test(unit)) !== negated
    }
  }

  #classItem(): Test {
    const named = this.#namedClass()
    if (named !== undefined) return this.#caseless(named)
    const first = this.#next()
    const known = first === '\\' ? CLASSES[this.#peek() ?? ''] : undefined
    if (known !== undefined) {
      this.#at++
      return known
    }
    const low = first === '\\' ? escaped(this.#next()) : first
    if (this.#peek() !== '-' || this.#units[this.#at + 1] === ']') return this.#literal(low)
    this.#at++
    const end = this.#next()
    const high = end === '\\' ? escaped(this.#next()) : end
    if (high < low) throw new SyntaxError(`error parsing regexp: invalid character class range: \`${low}-${high}\``)
    return this.#caseless((unit) => unit >= low && unit <= high)
  }

  /** `[:alpha:]`, `[:^alpha:]`: inside a class only. */
  #namedClass(): Test | undefined {
    const found = /^\[:(\^?)(\w+):\]/.exec(this.#units.slice(this.#at, this.#at + NAMED_MAX).join(''))
    if (found === null) return undefined
    this.#at += found[0].length
    const pattern = Object.hasOwn(NAMED_CLASSES, found[2]!) ? NAMED_CLASSES[found[2]!]! : undefined
    if (pattern === undefined) {
      throw new SyntaxError(`error parsing regexp: invalid character class range: \`${found[0]}\``)
    }
    return (unit) => pattern.test(unit) !== (found[1] === '^')
  }

  #literal(wanted: string): Test {
    return this.#caseless((unit) => unit === wanted)
  }

  #caseless(test: Test): Test {
    return this.#ignoreCase ? (unit) => test(unit) || test(unit.toLowerCase()) || test(unit.toUpperCase()) : test
  }

  #peek(): string | undefined {
    return this.#units[this.#at]
  }

  #next(): string {
    const unit = this.#units[this.#at++]
    if (unit === undefined) throw new SyntaxError('error parsing regexp: unexpected end')
    return unit
  }

  #take(unit: string): boolean {
    if (this.#peek() !== unit) return false
    this.#at++
    return true
  }
}

const word: Test = (unit) => /[0-9A-Za-z_]/.test(unit)
const atEdge: Assertion = (before, after) =>
  (before !== undefined && word(before)) !== (after !== undefined && word(after))

const CLASSES: Readonly<Record<string, Test>> = {
  d: (unit) => unit >= '0' && unit <= '9',
  D: (unit) => !(unit >= '0' && unit <= '9'),
  w: word,
  W: (unit) => !word(unit),
  s: (unit) => /[\t\n\f\r ]/.test(unit),
  S: (unit) => !/[\t\n\f\r ]/.test(unit),
}

/** POSIX's, of ASCII alone. */
const NAMED_CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /^[0-9A-Za-z]$/,
  alpha: /^[A-Za-z]$/,
  ascii: /^[\0-\x7f]$/,
  blank: /^[\t ]$/,
  cntrl: /^[\0-\x1f\x7f]$/,
  digit: /^[0-9]$/,
  graph: /^[!-~]$/,
  lower: /^[a-z]$/,
  print: /^[ -~]$/,
  punct: /^[!-/:-@[-`{-~]$/,
  space: /^[\t-\r ]$/,
  upper: /^[A-Z]$/,
  word: /^\w$/,
  xdigit: /^[0-9A-Fa-f]$/,
}
/** `[:^xdigit:]` */
const NAMED_MAX = 11

const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  A: (before) => before === undefined,
  z: (_before, after) => after === undefined,
  b: atEdge,
  B: (before, after) => !atEdge(before, after),
}

function escaped(unit: string): string {
  const control: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v', a: '\u0007' }
  if (Object.hasOwn(control, unit)) return control[unit]!
  if (/[0-9A-Za-z]/.test(unit)) throw new SyntaxError(`error parsing regexp: invalid escape sequence: \`\\${unit}\``)
  return unit
}

function emitted(program: Instruction[], instruction: Instruction): void {
  if (program.length >= PROGRAM_MAX) throw new SyntaxError('error parsing regexp: expression too large')
  program.push(instruction)
}

const char =
  (test: Test): Emit =>
  (program) =>
    emitted(program, { op: 'char', test })

const assertion =
  (test: Assertion): Emit =>
  (program) =>
    emitted(program, { op: 'assert', test })

function either(left: Emit, right: Emit): Emit {
  return (program) => {
    const split = program.length
    emitted(program, { op: 'match' })
    left(program)
    const jump = program.length
    emitted(program, { op: 'match' })
    right(program)
    program[split] = { op: 'split', to: [split + 1, jump + 1] }
    program[jump] = { op: 'split', to: [program.length] }
  }
}

/** `most` undefined = without bound. */
function repeat(part: Emit, least: number, most: number | undefined): Emit {
  return (program) => {
    for (let i = 0; i < least; i++) {
      const before = program.length
      part(program)
      // Nothing, often: `((){1000}){1000}` and so on would take for ever and never meet the bound of the program.
      if (program.length === before) return
    }
    if (most === undefined) star(part, program)
    else optional(part, most - least, program)
  }
}

/** Up to `times`; each may leave for the end. */
function optional(part: Emit, times: number, program: Instruction[]): void {
  const splits: number[] = []
  for (let i = 0; i < times; i++) {
    splits.push(program.length)
    emitted(program, { op: 'match' })
    part(program)
  }
  for (const split of splits) program[split] = { op: 'split', to: [split + 1, program.length] }
}

function star(part: Emit, program: Instruction[]): void {
  const split = program.length
  emitted(program, { op: 'match' })
  part(program)
  emitted(program, { op: 'split', to: [split] })
  program[split] = { op: 'split', to: [split + 1, program.length] }
}
