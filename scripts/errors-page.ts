/** Writes docs/errors.md from the table in src/core/errors.ts: `node scripts/errors-page.ts`. tidy compares the two. */
import { writeFileSync } from 'node:fs'
import { ERRORS, type ErrorKind } from '../src/core/errors.ts'

export const ERRORS_PAGE = 'docs/errors.md'

const HEAD = `# Errors

Every error that Skein itself gives. An error which a service declares for an operation is the service's own and not listed here.

An answer made by a service or the gateway carries the header \`x-skein-error: <CODE>\` and this body:

\`\`\`json
{ "error": { "code": "NO_INSTANCES", "message": "…", "hint": "…", "service": "users" } }
\`\`\`

In code it is a \`SkeinError\`: programs look at \`code\` and \`details\`, people read \`message\`. A typed client throws the same error that
the other side sent. Codes keep their meaning for good; one that is given up is never used for something else.

* **fault**: who has to act. *caller*: the one who asked; *upstream*: the one who should have answered; *internal*: the handler, or Skein.
* **again**: whether the same call may succeed elsewhere or later with nothing changed. Skein's client has then tried already, within its
  deadline and retry budget, if the call could be repeated without harm.

| code | status | fault | again | way out |
| --- | --- | --- | --- | --- |
`

const TAIL = `
A mistake in a configuration file is no \`SkeinError\` but a \`ConfigError\`: it lists every mistake found, each with file, key and what to
write instead. \`skein validate\` shows them without starting anything.
`

export function errorsPage(): string {
  return HEAD + Object.entries(ERRORS).map(row).join('') + TAIL
}

function row([code, { status, fault, retryable, hint }]: [string, ErrorKind]): string {
  return `| \`${code}\` | ${status} | ${fault} | ${retryable ? 'yes' : 'no'} | ${hint} |\n`
}

if (import.meta.main) writeFileSync(new URL(`../${ERRORS_PAGE}`, import.meta.url), errorsPage())
