/** What is read off a request beside its target: headers, encodings, the body. */
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../state/refusal.ts'

export function headerOf(incoming: IncomingMessage, name: string): string | undefined {
  const value = incoming.headers[name]
  return Array.isArray(value) ? value[0] : value
}

export function hasBody(incoming: IncomingMessage): boolean {
  return incoming.headers['transfer-encoding'] !== undefined || Number(incoming.headers['content-length'] ?? 0) > 0
}

export function acceptsGzip(incoming: IncomingMessage): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(headerOf(incoming, 'accept-encoding') ?? '')
}

/** @throws Refusal 413 as soon as more than `maxBytes` are announced or have come. */
export async function readBody(
  incoming: IncomingMessage,
  maxBytes: number,
  tooLarge = (bytes: number) => `Request body(${bytes} bytes) too large, max size: ${maxBytes} bytes.`,
): Promise<Buffer> {
  const announced = Number(incoming.headers['content-length'] ?? 0)
  if (announced > maxBytes) throw new Refusal(413, tooLarge(announced))
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Refusal(413, tooLarge(bytes))
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}
