/** One line that stays at the bottom of a terminal while log lines pass above it. */
import { type Clock, systemClock, type Timer } from '../../core/clock.ts'
import { width } from './table.ts'
import type { Output } from './terminal.ts'

/** Back to the first column, and clear what follows. */
const CLEAR = '\r\u001b[J'
/** Redraws at most this often, ms: a burst of log lines costs one redraw. */
const REDRAW_MS = 80

export class StatusLine {
  readonly #output: Output
  readonly #render: () => string
  readonly #clock: Clock
  #shown = false
  #timer: Timer | undefined
  #ended = false

  /** `render` gives the line, shorter than the terminal is wide. Nothing is drawn where no terminal is. */
  constructor(output: Output, render: () => string, clock: Clock = systemClock) {
    this.#output = output
    this.#render = render
    this.#clock = clock
  }

  /** Writes `text` above the line. */
  print(text: string): void {
    this.#output.raw(`${this.#shown ? CLEAR : ''}${text}\n`)
    this.#shown = false
    this.refresh()
  }

  /** Draws the line anew, soon. */
  refresh(): void {
    if (this.#ended || !this.#output.isTerminal || this.#timer !== undefined) return
    this.#timer = this.#clock.after(REDRAW_MS, () => {
      this.#timer = undefined
      this.#draw()
    })
  }

  /** Takes the line away for good. */
  end(): void {
    this.#timer?.cancel()
    if (this.#shown) this.#output.raw(CLEAR)
    this.#shown = false
    this.#ended = true
  }

  #draw(): void {
    if (this.#ended) return
    const line = this.#render()
    const fits = width(line) < (this.#output.columns ?? Number.POSITIVE_INFINITY)
    if (this.#shown) this.#output.raw(CLEAR)
    if (fits) this.#output.raw(line)
    this.#shown = fits
  }
}
