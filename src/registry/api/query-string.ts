/** Query parameters by Go's rules: `+` is a space, presence switches some on, ParseBool words, durations, 64-bit numbers. */
import { Refusal } from '../state/refusal.ts'
import { parseDuration } from './duration.ts'
import { UINT64_MAX } from './wide.ts'

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

export class QueryString {
  /** As it was sent, without the question mark. */
  readonly text: string
  /** Name, value, name, value. Few are looked up in few: a map would cost a held query more than all else it keeps. */
  readonly #pairs: string[] = []

  /** @throws Refusal 500 without a text when it cannot be decoded, as Consul does. */
  constructor(text: string) {
    this.text = text
    if (text === '') return
    for (const pair of text.split('&')) {
      if (pair === '') continue
      const equals = pair.indexOf('=')
      const name = decode(equals < 0 ? pair : pair.slice(0, equals))
      this.#pairs.push(name, equals < 0 ? '' : decode(pair.slice(equals + 1)))
    }
  }

  /** Presence alone counts: `?recurse=false` is on. */
  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /** The first value; undefined when absent. */
  get(name: string): string | undefined {
    for (let at = 0; at < this.#pairs.length; at += 2) if (this.#pairs[at] === name) return this.#pairs[at + 1]
    return undefined
  }

  all(name: string): readonly string[] {
    return this.#pairs.filter((_, at) => at % 2 === 1 && this.#pairs[at - 1] === name)
  }

  /** A ParseBool word; undefined when it is none. */
  bool(name: string): boolean | undefined {
    const value = this.get(name) ?? ''
    return TRUE.has(value) ? true : FALSE.has(value) ? false : undefined
  }

  /** Milliseconds of `wait`; undefined when absent or empty. */
  wait(): number | undefined {
    const text = this.get('wait')
    if (text === undefined || text === '') return undefined
    try {
      return parseDuration(text)
    } catch {
      throw new Refusal(400, 'Invalid wait time')
    }
  }

  /** `index`; 0 when absent or empty. Above 2^53 it loses digits, which only makes it further from the future. */
  index(): number {
    const text = this.get('index')
    if (text === undefined || text === '') return 0
    if (!/^\d+$/.test(text) || BigInt(text) > UINT64_MAX) throw new Refusal(400, 'Invalid index')
    return Number(text)
  }

  /** An unsigned 64-bit number in plain decimal; undefined when absent. */
  uint64(name: string): string | undefined {
    const text = this.get(name)
    if (text === undefined) return undefined
    if (!/^\d+$/.test(text))
      throw new Refusal(500, `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`)
    const value = BigInt(text)
    if (value > UINT64_MAX) throw new Refusal(500, `strconv.ParseUint: parsing "${text}": value out of range`)
    return String(value)
  }
}

function decode(text: string): string {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new Refusal(500, '')
  }
}
