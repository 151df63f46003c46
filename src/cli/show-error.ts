/** What went wrong, as the user sees it: for people on stderr, for programs as `{error}` on stdout as well. */
import { CallError } from '../client/call-error.ts'
import { SkeinError } from '../core/errors.ts'
import { ConfigError } from '../core/issues.ts'
import { type ExitStatus, Failure, UsageError } from './command.ts'
import { showIssues } from './ui/issues.ts'
import type { Terminal } from './ui/terminal.ts'

/** For programs; people learn nothing from them. */
const OWN_CODES: ReadonlySet<string> = new Set(['USAGE', 'FAILED', 'CONFIG', 'BUG'])

interface Account {
  readonly code: string
  readonly message: string
  /** The way out; empty where there is none to tell. */
  readonly hint: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly status?: ExitStatus
}

/** `help` is the command line that shows how it is done right. */
export function showError(error: unknown, help: string, terminal: Terminal): ExitStatus {
  const { code, message, hint, details = {}, status = 1 } = accountOf(error, help)
  const { line, paint } = terminal.err
  if (terminal.wantsJson) terminal.json({ error: { code, message, hint, ...details } })
  if (error instanceof ConfigError) showIssues(error.issues, terminal.err)
  else {
    // `Error: …` at the start of a line is what the fleet looks for when it tells why an instance ended.
    const known = OWN_CODES.has(code) || message.includes(code)
    line(`${paint('red', 'Error')}: ${message}${known ? '' : paint('dim', ` (${code})`)}`)
    for (const issue of inputIssues(details)) if (!issue.includes(message)) line(`  ${issue}`)
    if (hint !== '') line(hint)
  }
  return status
}

function accountOf(error: unknown, help: string): Account {
  if (error instanceof UsageError) {
    return { code: 'USAGE', message: error.message, hint: `${help} shows what there is.`, status: 2 }
  }
  if (error instanceof Failure) return { code: 'FAILED', message: error.message, hint: error.fix }
  if (error instanceof ConfigError) {
    return { code: 'CONFIG', message: error.message, hint: '', details: { issues: error.issues } }
  }
  if (error instanceof SkeinError) {
    const { code, message, kind, details } = error
    // What is told with an error knows more than what is told of all errors of its code.
    const { hint = kind.hint, ...facts } = details
    return { code, message, hint: String(hint), details: facts }
  }
  if (error instanceof CallError) {
    const { code, message, service, operation, status, details } = error
    return { code, message, hint: `${service}.${operation} declares this error, with status ${status}.`, details }
  }
  return unforeseen(error)
}

/** The system's refusals say enough in one line; anything else is a fault of Skein's, whose authors need the stack. */
function unforeseen(error: unknown): Account {
  if (!(error instanceof Error)) return { code: 'BUG', message: String(error), hint: '' }
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code !== undefined && syscall !== undefined) return { code, message: error.message, hint: '' }
  return { code: 'BUG', message: error.stack ?? error.message, hint: 'This is a fault of Skein. Please report it.' }
}

/** `id: must be a string`: what INVALID_INPUT says of each field. */
function inputIssues({ issues }: Readonly<Record<string, unknown>>): string[] {
  if (!Array.isArray(issues)) return []
  return issues.map(({ path, message }: { path?: unknown; message?: unknown }) => {
    const place = Array.isArray(path) ? path.join('.') : (path ?? '')
    return place === '' ? String(message) : `${place}: ${message}`
  })
}
