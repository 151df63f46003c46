/**
 * The command line, read by the table of options that a command declares. Own code rather than node:util's parseArgs,
 * which has no numbers, no "did you mean", and cannot tell the value of an undeclared option from an argument.
 */
import { nearest } from '../core/issues.ts'
import { type Option, type OptionKind, type Options, UsageError } from './command.ts'

/** Options of every command. */
export const GLOBAL_OPTIONS = {
  help: { kind: 'flag', short: 'h', description: 'Show this help.' },
  version: { kind: 'flag', short: 'V', description: 'Show the version.' },
  json: {
    kind: 'flag',
    description: 'One JSON document on stdout (a line each for what goes on); the rest to stderr.',
  },
  'no-color': { kind: 'flag', description: 'No colours; NO_COLOR in the environment does the same.' },
} as const satisfies Options

export interface Parsed {
  readonly values: Readonly<Record<string, unknown>>
  readonly args: readonly string[]
  readonly extra: readonly (readonly [string, string | true])[]
}

const PARSERS: Record<Exclude<OptionKind, 'flag'>, (text: string) => string | number | undefined> = {
  text: (text) => text,
  port: (text) => wholeNumber(text, 65_535),
  count: (text) => wholeNumber(text, Number.MAX_SAFE_INTEGER),
}

const EXPECTED = { text: 'a value', port: 'a port, 0 to 65535', count: 'a whole number' } as const

/** A whole number from 0 to `max`, or undefined. */
export function wholeNumber(text: string, max: number): number | undefined {
  return /^\d+$/.test(text) && Number(text) <= max ? Number(text) : undefined
}

/**
 * Takes options and arguments apart; the globals are known beside `options`. After `--` all are arguments.
 * @throws UsageError for an unknown option, a missing or an unfit value.
 */
export function parseArguments(argv: readonly string[], options: Options, open = false): Parsed {
  const parser = new Parser(argv, { ...options, ...GLOBAL_OPTIONS }, open)
  while (parser.step());
  return parser
}

class Parser implements Parsed {
  readonly values: Record<string, unknown> = {}
  readonly args: string[] = []
  readonly extra: [string, string | true][] = []
  readonly #rest: string[]
  readonly #options: Options
  readonly #open: boolean

  constructor(argv: readonly string[], options: Options, open: boolean) {
    this.#rest = [...argv]
    this.#options = options
    this.#open = open
  }

  /** Takes one word, with the value that belongs to it; false at the end. */
  step(): boolean {
    const word = this.#rest.shift()
    if (word === undefined) return false
    if (word === '--') this.args.push(...this.#rest.splice(0))
    else if (word.startsWith('--')) this.#long(word.slice(2))
    else if (word.startsWith('-') && word.length > 1) this.#short(word.slice(1))
    else this.args.push(word)
    return true
  }

  /** `name` or `name=value`. */
  #long(word: string): void {
    const at = word.indexOf('=')
    const name = at < 0 ? word : word.slice(0, at)
    const inline = at < 0 ? undefined : word.slice(at + 1)
    const option = Object.hasOwn(this.#options, name) ? this.#options[name] : undefined
    if (option !== undefined) this.#set(name, `--${name}`, option, inline)
    else if (this.#open) this.extra.push([name, inline ?? this.#valueAhead() ?? true])
    else throw unknownOption(`--${name}`, this.#options)
  }

  /** `f`, `n5`, or several flags at once: `fn5`. */
  #short(letters: string): void {
    const letter = letters[0]!
    const found = Object.entries(this.#options).find(([, option]) => option.short === letter)
    if (found === undefined) throw unknownOption(`-${letter}`, this.#options)
    const [name, option] = found
    const after = letters.slice(1)
    const isFlag = option.kind === 'flag'
    this.#set(name, `-${letter}`, option, isFlag || after === '' ? undefined : after)
    if (isFlag && after !== '') this.#short(after)
  }

  #set(name: string, shown: string, option: Option, inline: string | undefined): void {
    const value = option.kind === 'flag' ? flag(shown, inline) : this.#parse(shown, option.kind, inline)
    if (option.multiple) this.values[name] = [...((this.values[name] as unknown[]) ?? []), value]
    else this.values[name] = value
  }

  #parse(shown: string, kind: Exclude<OptionKind, 'flag'>, inline: string | undefined): string | number {
    const text = inline ?? this.#valueAhead()
    if (text === undefined) throw new UsageError(`${shown} needs ${EXPECTED[kind]}`)
    const value = PARSERS[kind](text)
    if (value === undefined) throw new UsageError(`${shown} ${text}: not ${EXPECTED[kind]}`)
    return value
  }

  /** The next word where it can be a value: not another option (a negative number and a lone `-` are values). */
  #valueAhead(): string | undefined {
    const next = this.#rest[0]
    if (next === undefined || /^--?[A-Za-z]/.test(next) || next === '--') return undefined
    return this.#rest.shift()
  }
}

function flag(shown: string, inline: string | undefined): boolean {
  if (inline === undefined || inline === 'true') return true
  if (inline === 'false') return false
  throw new UsageError(`${shown} takes no value`)
}

function unknownOption(shown: string, options: Options): UsageError {
  const near = nearest(shown.replace(/^-+/, ''), Object.keys(options))
  return new UsageError(`unknown option ${shown}${near === undefined ? '' : `; did you mean --${near}?`}`)
}
