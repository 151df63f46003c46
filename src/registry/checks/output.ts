/** How much of an output is kept, and how a network error reads. */

export const OUTPUT_MAX_BYTES = 4096

/** Cuts to `max` bytes (at a character) and says so, as Consul does. */
export function cutOutput(output: string, max = OUTPUT_MAX_BYTES): string {
  const bytes = Buffer.byteLength(output)
  if (bytes <= max) return output
  const kept = Buffer.from(output)
    .subarray(0, max)
    .toString('utf8')
    .replace(/\ufffd+$/, '')
  return `${kept} ... (captured ${max} of ${bytes} bytes)`
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'i/o timeout',
}

/** `dial tcp 127.0.0.1:1: connect: connection refused`, the words that people know from Consul. */
export function networkError(error: unknown, address: string): string {
  const { code, message } = error as { code?: string; message?: string }
  const reason = code === undefined ? undefined : REASONS[code]
  return `dial tcp ${address}: ${reason === undefined ? (message ?? String(error)) : `connect: ${reason}`}`
}
