import { StringDecoder } from 'node:string_decoder'

/** Longest line kept, in characters. */
export const LINE_MAX = 64 * 1024

/**
 * Cuts a byte stream into lines. A character that arrives in two chunks stays whole; the end of a line over `LINE_MAX` is
 * thrown away and marked by `…`, so that a program which never writes a newline cannot fill the memory.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8')
  readonly #emit: (line: string) => void
  #rest = ''
  #skipping = false

  constructor(emit: (line: string) => void) {
    this.#emit = emit
  }

  write(chunk: Uint8Array): void {
    this.#take(this.#decoder.write(chunk))
  }

  /** The stream has ended: what is left is a line too. */
  end(): void {
    this.#take(this.#decoder.end())
    if (this.#rest !== '' && !this.#skipping) this.#emit(this.#rest)
    this.#rest = ''
  }

  #take(text: string): void {
    let from = 0
    for (let to = text.indexOf('\n'); to !== -1; to = text.indexOf('\n', from)) {
      this.#append(text.slice(from, to))
      this.#finish()
      from = to + 1
    }
    this.#append(text.slice(from))
  }

  #append(text: string): void {
    if (this.#skipping) return
    this.#rest += text
    if (this.#rest.length <= LINE_MAX) return
    this.#emit(`${this.#rest.slice(0, cutAt(this.#rest))}…`)
    this.#rest = ''
    this.#skipping = true
  }

  #finish(): void {
    if (!this.#skipping) this.#emit(this.#rest.endsWith('\r') ? this.#rest.slice(0, -1) : this.#rest)
    this.#rest = ''
    this.#skipping = false
  }
}

/** Not between the two halves of a surrogate pair. */
function cutAt(text: string): number {
  const code = text.charCodeAt(LINE_MAX - 1)
  return code >= 0xd800 && code <= 0xdbff ? LINE_MAX - 1 : LINE_MAX
}
