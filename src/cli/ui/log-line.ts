/**
 * Log lines for people. What Skein's parts write is pino's JSON: time, who, level, message, then the rest as key=value; an
 * access line becomes one sentence, a stack goes below. What is no such JSON is shown as it came.
 */
import { pad } from './table.ts'
import type { Paint, Style } from './terminal.ts'

/** A line as the fleet hands it on (fleet/contract.ts `LogLine`). */
export interface RawLine {
  readonly at: number
  readonly service: string
  readonly instance: string
  readonly text: string
}

export type Fields = Readonly<Record<string, unknown>>

const LEVELS: Readonly<Record<string, { shown: string; style: Style }>> = {
  trace: { shown: 'TRACE', style: 'dim' },
  debug: { shown: 'DEBUG', style: 'dim' },
  info: { shown: 'INFO ', style: 'green' },
  warn: { shown: 'WARN ', style: 'yellow' },
  error: { shown: 'ERROR', style: 'red' },
  fatal: { shown: 'FATAL', style: ['red', 'bold'] },
}

/** pino's numbers, for apps that keep them. */
const LEVEL_NUMBERS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}

/** Shown elsewhere in the line, or the same in every line of a process. */
const HIDDEN = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'v', 'kind', 'err', 'stack'])
/** In access lines of use to programs only. */
const HIDDEN_ACCESS = new Set([
  ...['method', 'path', 'status', 'durationMs', 'service', 'instance', 'attempts', 'requestId', 'traceId', 'spanId'],
  ...['route', 'operation', 'bytes', 'client'],
])

const HUES: readonly Style[] = [
  'cyan',
  'magenta',
  'blue',
  'yellow',
  'green',
  'cyanBright',
  'magentaBright',
  'blueBright',
]

/** The fields of a pino line, or undefined where it is none. */
export function parseFields(text: string): Fields | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'level' in value ? (value as Fields) : undefined
  } catch {
    return undefined // an app's own line that only looks like JSON: shown as it is
  }
}

export function isAccess(fields: Fields | undefined): boolean {
  return fields?.['kind'] === 'access'
}

/** A formatter that remembers colours and the width of the names, so that columns stand still. */
export class LogFormatter {
  readonly #paint: Paint
  readonly #hues = new Map<string, Style>()
  #nameWidth = 10

  constructor(paint: Paint) {
    this.#paint = paint
  }

  /** One line or, with a stack, several; without the last newline. */
  format(line: RawLine, fields: Fields | undefined = parseFields(line.text)): string {
    const time = this.#paint('dim', clockTime(timeOf(fields) ?? line.at))
    const head = `${time} ${this.prefix(line.service, line.instance)}`
    return `${head}  ${fields === undefined ? line.text : this.#told(fields, line)}`
  }

  #told(fields: Fields, line: RawLine): string {
    try {
      return (isAccess(fields) ? this.#access(fields, line) : this.#event(fields, line)) + this.#stack(fields)
    } catch {
      return line.text // an app's own, whose fields only have the names of ours: shown as it is
    }
  }

  /** The instance's name in its service's colour. */
  prefix(service: string, instance: string): string {
    this.#nameWidth = Math.max(this.#nameWidth, instance.length)
    return pad(this.#paint(this.hue(service), instance), this.#nameWidth)
  }

  hue(service: string): Style {
    const known = this.#hues.get(service)
    if (known !== undefined) return known
    const hue = HUES[this.#hues.size % HUES.length]!
    this.#hues.set(service, hue)
    return hue
  }

  #event(fields: Fields, line: RawLine): string {
    const { shown, style } = levelOf(fields)
    const message = String(fields['msg'] ?? '')
    const { instance, service: _service, ...others } = fields
    // A process may speak of another instance than itself.
    const rest = this.#pairs({ ...(instance !== line.instance && { instance }), ...others }, HIDDEN)
    return [this.#paint(style, shown), message, rest].filter((part) => part !== '').join(' ')
  }

  /** `GET /user/7 200 3.1 ms → users-2`, and after retries what came before. */
  #access(fields: Fields, line: RawLine): string {
    const status = Number(fields['status'] ?? 0)
    const to = [undefined, line.instance].includes(fields['instance'] as string)
      ? ''
      : ` ${this.#paint('dim', '→')} ${fields['instance']}`
    const took = this.#paint('dim', formatMs(Number(fields['durationMs'] ?? 0)))
    const first = `${fields['method']} ${fields['path']} ${this.#paint(statusStyle(status), String(status))} ${took}${to}`
    return [first, this.#retries(fields), this.#pairs(fields, ACCESS_HIDDEN)].filter((part) => part !== '').join(' ')
  }

  #retries(fields: Fields): string {
    const attempts = fields['attempts']
    if (!Array.isArray(attempts) || attempts.length < 2) return ''
    const failed = attempts.slice(0, -1).map((one: Fields) => `${one['instance']} ${one['outcome']}`)
    return this.#paint('yellow', `after ${failed.join(', ')}`)
  }

  #pairs(fields: Fields, hidden: ReadonlySet<string>): string {
    return Object.entries(fields)
      .filter(([key, value]) => !hidden.has(key) && value !== undefined && value !== null)
      .map(([key, value]) => `${this.#paint('dim', `${key}=`)}${formatValue(value)}`)
      .join(' ')
  }

  #stack(fields: Fields): string {
    const stack = stackOf(fields)
    return stack === undefined ? '' : `\n${this.#paint('dim', stack.replaceAll(/^/gm, '    '))}`
  }
}

const ACCESS_HIDDEN: ReadonlySet<string> = new Set([...HIDDEN, ...HIDDEN_ACCESS])

function levelOf(fields: Fields): { shown: string; style: Style } {
  const level = fields['level']
  const name = typeof level === 'number' ? LEVEL_NUMBERS[level] : String(level)
  return (
    (Object.hasOwn(LEVELS, name ?? '') && LEVELS[name!]) || {
      shown: String(level).toUpperCase().padEnd(5),
      style: 'dim',
    }
  )
}

/** As far as Date goes, ms. */
const LAST_DATE = 8.64e15

function timeOf(fields: Fields | undefined): number | undefined {
  const time = fields?.['time']
  const at = typeof time === 'string' ? Date.parse(time) : time
  return typeof at === 'number' && Math.abs(at) <= LAST_DATE ? at : undefined
}

/** pino's `err`, or a bare `stack`. */
function stackOf(fields: Fields): string | undefined {
  const error = fields['err']
  const stack = typeof error === 'object' && error !== null ? (error as Fields)['stack'] : fields['stack']
  if (typeof stack === 'string') return stack
  return typeof error === 'string' ? error : undefined
}

function statusStyle(status: number): Style {
  if (status >= 500 || status === 0) return 'red'
  return status >= 400 ? 'yellow' : 'green'
}

function formatValue(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  return /[\s="]/.test(value) || value === '' ? JSON.stringify(value) : value
}

/** `0.4 ms`, `12 ms`, `1.2 s`. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

/** Local time of day with milliseconds. */
export function clockTime(at: number): string {
  const date = new Date(at)
  const two = (value: number) => String(value).padStart(2, '0')
  const ms = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`
}
