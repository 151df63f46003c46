/** Asks a party outside: no longer than it is given, no more than it is given, and never elsewhere than where it is asked. */
import type { Clock } from '../../core/clock.ts'

/** @throws Error when there is no whole answer in `ms`, or one of more than `bytes`. What status it has is for the caller to see. */
export async function boundedFetch(
  url: string,
  init: RequestInit,
  { clock, ms, bytes }: { readonly clock: Clock; readonly ms: number; readonly bytes: number },
): Promise<Response> {
  const stop = new AbortController()
  const timer = clock.after(ms, () => stop.abort(new Error(`no answer in ${ms} ms`)))
  try {
    const answer = await fetch(url, { redirect: 'error', ...init, signal: stop.signal })
    const { status, headers } = answer
    const body = await bounded(answer, bytes)
    return new Response(body.length === 0 ? null : body, { status, headers })
  } finally {
    timer.cancel()
  }
}

async function bounded(answer: Response, bytesMax: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of answer.body ?? []) {
    total += chunk.length
    if (total > bytesMax) throw new Error(`more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
