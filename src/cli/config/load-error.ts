/** Turns what went wrong while a module was loaded into one issue with file, line and the line itself. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Issue } from '../../core/issues.ts'

interface Place {
  readonly file: string
  readonly line: number
  /** From 1; undefined where only the line is known. */
  readonly column?: number | undefined
}

/** `file` was being loaded and is called `shown` towards the user. */
export async function whereItFailed(thrown: unknown, file: string, shown: string): Promise<Issue> {
  const error = thrown instanceof Error ? thrown : withoutStack(thrown)
  const missing = missingModule(error)
  if (missing !== undefined) return { file: shown, key: '', ...missing }
  const place = file.endsWith('.json') ? placeInJson(error, file) : await placeInCode(error, file)
  const message =
    error instanceof SyntaxError ? `syntax error: ${error.message}` : `throws ${error.name}: ${error.message}`
  if (place === undefined) return { file: shown, key: '', message: dot(message), fix: 'It could not be loaded.' }
  const name = place.file === file ? shown : path.relative(process.cwd(), place.file)
  return { file: `${name}:${place.line}`, key: '', message: dot(message), fix: `Correct this line:\n${excerpt(place)}` }
}

/** `throw 'text'` has no place that could be told. */
function withoutStack(thrown: unknown): Error {
  return Object.assign(new Error(String(thrown)), { stack: '' })
}

/** Without the full stop, which comes with the fix. */
const dot = (message: string) => message.replace(/\.\s*$/, '')

function missingModule(error: Error): { message: string; fix: string } | undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') return undefined
  const [, wanted = '?', from = '?'] =
    /Cannot find (?:package|module) '([^']*)' imported from (.*)/.exec(error.message) ?? []
  const isPackage = !path.isAbsolute(wanted)
  const fix = isPackage ? `Run: npm install ${wanted}` : 'Correct the import; a path needs its ending (.ts).'
  return { message: `there is no ${isPackage ? 'package' : 'file'} ${wanted}, which ${from} imports`, fix }
}

/** V8 mostly names the place in the message: `… in JSON at position 40 (line 3 column 5)`. */
function placeInJson(error: Error, file: string): Place | undefined {
  const [, line, column] = /line (\d+) column (\d+)/.exec(error.message) ?? []
  return line === undefined ? undefined : { file, line: Number(line), column: Number(column) }
}

async function placeInCode(error: Error, file: string): Promise<Place | undefined> {
  return placeInHeader(error.stack) ?? placeInStack(error.stack) ?? (await checked(error, file))
}

/** Node puts `file:line`, the line and a caret above the stack of a syntax error in TypeScript. */
function placeInHeader(text: string | undefined): Place | undefined {
  const lines = text?.split('\n') ?? []
  const [, file, line] = /^(\/.*|[A-Z]:\\.*|file:.*):(\d+)$/.exec(lines[0] ?? '') ?? []
  if (file === undefined) return undefined
  const caret = lines.slice(0, 6).find((one) => /^\s*\^+\s*$/.test(one))
  return { file: toPath(file), line: Number(line), column: caret === undefined ? undefined : caret.indexOf('^') + 1 }
}

/** Skein's own code, which in a checkout is in no node_modules. */
const OWN = path.join(import.meta.dirname, '../..') + path.sep

/** The innermost frame in a file of the user's. */
function placeInStack(stack: string | undefined): Place | undefined {
  for (const [, url, line, column] of (stack ?? '').matchAll(/(file:\/\/[^\s)]*?):(\d+):(\d+)/g)) {
    const file = toPath(url!)
    if (!file.includes('/node_modules/') && !file.startsWith(OWN) && existsSync(file))
      return { file, line: Number(line), column: Number(column) }
  }
  return undefined
}

/** A syntax error in JavaScript says nothing of its place to who imports the file; `node --check` does. */
async function checked(error: Error, file: string): Promise<Place | undefined> {
  if (!(error instanceof SyntaxError)) return undefined
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--check', file], (_failed, _stdout, stderr) => resolve(stderr))
  })
  return placeInHeader(output)
}

function toPath(url: string): string {
  return url.startsWith('file:') ? fileURLToPath(url.replace(/\?.*$/, '')) : url
}

/** The line with the one before it, numbered, and a caret under the column. */
function excerpt({ file, line, column }: Place): string {
  const lines = readFileSync(file, 'utf8').split('\n')
  const gutter = (number: number | '') => `${String(number).padStart(6)} │ `
  const shown = [line - 1, line].filter((n) => n > 0).map((n) => gutter(n) + (lines[n - 1] ?? ''))
  if (column !== undefined) shown.push(`${gutter('')}${' '.repeat(column - 1)}^`)
  return shown.join('\n')
}
