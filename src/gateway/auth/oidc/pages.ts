/** What a person sees in place of a page, when a sign-in has not worked. */
import type { SkeinError } from '../../../core/errors.ts'
import type { AuthReply } from '../contract.ts'

const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** `again` is a path of ours. */
export function failurePage(error: SkeinError, again: string, cookies: readonly string[]): AuthReply {
  const { status } = error.kind
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign-in</title>
<body style="font:1rem/1.5 system-ui;max-width:32rem;margin:4rem auto;padding:0 1rem">
<h1>The sign-in did not work</h1><p>${escaped(error.message)}.</p><p><a href="${escaped(again)}">Try again</a></p></body></html>
`
  const fields = [
    'content-type',
    'text/html; charset=utf-8',
    'cache-control',
    'no-store',
    'referrer-policy',
    'no-referrer',
  ]
  const set = cookies.flatMap((one) => ['set-cookie', one])
  const more = status === 503 ? ['retry-after', '5'] : status === 405 ? ['allow', 'GET'] : []
  return { status, headers: [...fields, 'content-security-policy', POLICY, ...more, ...set], body }
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
