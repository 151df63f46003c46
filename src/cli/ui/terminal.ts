/** Where a command writes: answers to stdout, all else to stderr, colours only where a person looks on. */
import { styleText } from 'node:util'
import type { Environment } from '../../core/settings.ts'

export type Style = Parameters<typeof styleText>[0]
export type Paint = (style: Style, text: string) => string

/** Gives the text back as it is: for pipes, files and tests. */
export const plain: Paint = (_style, text) => text
export const coloured: Paint = (style, text) => styleText(style, text, { validateStream: false })

/** What is needed of process.stdout and process.stderr. */
export interface Stream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(data: string | Uint8Array): unknown
}

export interface Output {
  readonly paint: Paint
  readonly isTerminal: boolean
  /** Characters a line; undefined where nobody looks on. */
  readonly columns: number | undefined
  /** Writes a line. */
  line(text?: string): void
  /** Writes as it is. */
  raw(data: string | Uint8Array): void
}

export interface Terminal {
  readonly out: Output
  readonly err: Output
  /** True when a program reads: then `json` is the only thing written to stdout. */
  readonly wantsJson: boolean
  /** Writes one JSON document as a line to stdout. */
  json(value: unknown): void
}

export interface TerminalOptions {
  readonly stdout: Stream
  readonly stderr: Stream
  readonly env: Environment
  readonly json?: boolean | undefined
  readonly noColor?: boolean | undefined
}

export function createTerminal({ stdout, stderr, env, json = false, noColor = false }: TerminalOptions): Terminal {
  const out = createOutput(stdout, !noColor && wantsColour(stdout, env))
  const err = createOutput(stderr, !noColor && wantsColour(stderr, env))
  return { out, err, wantsJson: json, json: (value) => out.line(JSON.stringify(value)) }
}

function createOutput(stream: Stream, colour: boolean): Output {
  return {
    paint: colour ? coloured : plain,
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.isTTY ? stream.columns : undefined
    },
    line: (text = '') => void stream.write(`${text}\n`),
    raw: (data) => void stream.write(data),
  }
}

/** https://no-color.org and FORCE_COLOR as Node reads it; else whether a terminal is there that can. */
function wantsColour(stream: Stream, env: Environment): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false
  const forced = env['FORCE_COLOR']
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}
