/** Bytes that are nearly a case: parts of cases cut, doubled, exchanged and mixed, by a seed. */
import { below, type Random } from '../../src/core/random.ts'

const PIECES = [
  '\r\n',
  '\n',
  '\r',
  ' ',
  '\t',
  ':',
  '\0',
  ',',
  ';',
  '0',
  'chunked',
  'Content-Length: 5\r\n',
  '\x80',
  '/../',
  '%2f',
  '_',
]

type Mutation = (text: string, random: Random, others: readonly string[]) => string

const MUTATIONS: readonly Mutation[] = [
  /** Takes a few bytes away. */
  (text, random) => {
    const at = below(random, text.length)
    return text.slice(0, at) + text.slice(at + 1 + below(random, 4))
  },
  /** Puts something in that means something. */
  (text, random) => {
    const at = below(random, text.length)
    return text.slice(0, at) + PIECES[below(random, PIECES.length)] + text.slice(at)
  },
  /** Turns a byte into another. */
  (text, random) => {
    const at = below(random, text.length)
    return text.slice(0, at) + String.fromCharCode(below(random, 256)) + text.slice(at + 1)
  },
  /** Doubles, moves or drops a line. */
  (text, random) => {
    const lines = text.split('\r\n')
    const [line] = lines.splice(below(random, lines.length), below(random, 2))
    if (line !== undefined) lines.splice(below(random, lines.length + 1), 0, line)
    else lines.splice(below(random, lines.length + 1), 0, lines[below(random, lines.length)]!)
    return lines.join('\r\n')
  },
  /** The beginning of one case and the end of another. */
  (text, random, others) => {
    const other = others[below(random, others.length)]!
    return text.slice(0, below(random, text.length)) + other.slice(below(random, other.length))
  },
  /** One case behind the other. */
  (text, random, others) => text + others[below(random, others.length)]!,
]

/** Long ones are left out: they are about limits, and would only cost time. */
const LENGTH_MAX = 4000

/** `count` texts, of one to three mutations each. */
export function mutated(cases: readonly string[], count: number, random: Random): string[] {
  const texts = cases.filter(({ length }) => length > 0 && length <= LENGTH_MAX)
  return Array.from({ length: count }, () => {
    let text = texts[below(random, texts.length)]!
    for (let i = below(random, 3); i >= 0 && text !== ''; i--) {
      text = MUTATIONS[below(random, MUTATIONS.length)]!(text, random, texts)
    }
    return text
  })
}
