/** Splits a stream of JSON values, one a line, into values. A line may arrive in many pieces. */
export class JsonLines {
  readonly #decoder = new TextDecoder()
  #pieces: string[] = []

  /** The values completed by `chunk`. @throws SyntaxError when a line is not JSON. */
  push(chunk: Uint8Array): unknown[] {
    const lines = this.#decoder.decode(chunk, { stream: true }).split('\n')
    const open = lines.pop()!
    if (lines.length > 0) {
      lines[0] = [...this.#pieces, lines[0]].join('')
      this.#pieces = []
    }
    if (open !== '') this.#pieces.push(open)
    return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line))
  }
}
