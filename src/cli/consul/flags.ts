/**
 * Flags as Go's `flag` package reads them, which Consul uses: one dash or two, `=` or a space, and none after the first
 * argument (so that `watch … handler -x` leaves `-x` to the handler).
 */
import { nearest } from '../../core/issues.ts'
import { Failure } from '../command.ts'
import type { Flag, FlagKind, Flags } from './contract.ts'

export interface ParsedFlags {
  readonly values: Readonly<Record<string, unknown>>
  readonly given: readonly (readonly [string, string])[]
  readonly unknown: readonly string[]
  readonly args: readonly string[]
  readonly wantsHelp: boolean
}

const UINT64_MAX = 2n ** 64n - 1n

/** A value, or undefined when the text is none. */
const READERS: Record<Exclude<FlagKind, 'switch' | 'list'>, (text: string) => string | number | undefined> = {
  text: (text) => text,
  count: (text) => (/^\d{1,20}$/.test(text) && BigInt(text) <= UINT64_MAX ? String(BigInt(text)) : undefined),
  port: (text) => (/^-?\d{1,5}$/.test(text) && Number(text) >= -1 && Number(text) <= 65_535 ? Number(text) : undefined),
}

const EXPECTED = {
  text: 'a value',
  count: 'a whole number',
  port: 'a port: -1 (off) to 65535',
  list: 'a value',
} as const

/** Go's ParseBool. */
export function readBoolean(text: string): boolean | undefined {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true
  return /^(?:0|f|F|false|FALSE|False)$/.test(text) ? false : undefined
}

/** @throws Failure for a missing or unfit value, and for an unknown flag unless `lenient`. */
export function parseFlags(argv: readonly string[], flags: Flags, lenient = false): ParsedFlags {
  const parser = new FlagParser(argv, flags, lenient)
  while (parser.step());
  return parser
}

class FlagParser implements ParsedFlags {
  readonly values: Record<string, unknown> = {}
  readonly given: [string, string][] = []
  readonly unknown: string[] = []
  readonly args: string[] = []
  wantsHelp = false
  readonly #rest: string[]
  readonly #flags: Flags
  readonly #lenient: boolean

  constructor(argv: readonly string[], flags: Flags, lenient: boolean) {
    this.#rest = [...argv]
    this.#flags = flags
    this.#lenient = lenient
  }

  /** Takes one flag with its value; false when what is left are arguments. */
  step(): boolean {
    const [, name, value] = /^--?([A-Za-z][^=]*)(?:=([\s\S]*))?$/.exec(this.#rest[0] ?? '') ?? []
    if (name === undefined) {
      if (this.#rest[0] === '--') this.#rest.shift()
      this.args.push(...this.#rest.splice(0))
      return false
    }
    this.#rest.shift()
    const flag = Object.hasOwn(this.#flags, name) ? this.#flags[name] : undefined
    if (flag !== undefined) this.#take(name, flag, value)
    else if (name === 'h' || name === 'help') this.wantsHelp = true
    else this.#takeUnknown(name, value)
    return true
  }

  #take(name: string, flag: Flag, inline: string | undefined): void {
    if (flag.kind === 'switch') {
      this.values[name] = readBoolean(inline ?? 'true') ?? refuse(name, inline!, 'true or false')
      return
    }
    const text = inline ?? this.#rest.shift()
    if (text === undefined) throw new Failure(`-${name} needs ${EXPECTED[flag.kind]}`)
    this.given.push([name, text])
    if (flag.kind === 'list') this.values[name] = [...((this.values[name] as string[]) ?? []), text]
    else this.values[name] = READERS[flag.kind](text) ?? refuse(name, text, EXPECTED[flag.kind])
  }

  /** Whether a value follows cannot be known: a word that is no flag is taken for one, as arguments are rare where this happens. */
  #takeUnknown(name: string, inline: string | undefined): void {
    if (!this.#lenient) {
      const near = nearest(name, Object.keys(this.#flags))
      throw new Failure(`flag provided but not defined: -${name}`, near === undefined ? '' : `Did you mean -${near}?`)
    }
    this.unknown.push(name)
    if (inline === undefined && this.#rest[0] !== undefined && !this.#rest[0].startsWith('-')) this.#rest.shift()
  }
}

function refuse(name: string, text: string, expected: string): never {
  throw new Failure(`invalid value ${JSON.stringify(text)} for flag -${name}: it must be ${expected}`)
}
