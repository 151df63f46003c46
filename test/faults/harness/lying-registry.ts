/** Stands between a registry and its clients, and passes on what it is told to. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, request } from 'undici'
import type { FaultContext } from './contract.ts'

export const LIES = {
  empty: (_incoming, response) => answer(response, 200, '[]', { 'x-consul-index': '999999' }),
  'status 500': (_incoming, response) => answer(response, 500, 'rpc error: No cluster leader'),
  garbage: (_incoming, response) => answer(response, 200, '\u0000<html>{"a":[1,', { 'x-consul-index': '7' }),
  'half an answer'(_incoming, response) {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000', 'x-consul-index': '8' })
    response.write('[{"Node":{"Node":"vm"},"Service":{"ID":"echo-1"')
    setTimeout(() => response.destroy(), 20)
  },
  'index 0': (_incoming, response) => answer(response, 200, '[]', { 'x-consul-index': '0' }),
  silence: () => {},
} satisfies Record<string, (incoming: IncomingMessage, response: ServerResponse) => void>

export type Lie = keyof typeof LIES

export interface LyingRegistry {
  readonly url: string
  /** What clients hear from now on; held queries break off. Undefined = the truth. */
  tell(lie: Lie | undefined): void
  /** Requests so far. */
  readonly asked: () => number
  /** Who sent a token as its name: when each of them first got an answer since `forget`, ms of performance.now(). */
  readonly first: ReadonlyMap<string, number>
  forget(): void
}

/** `target` is asked for at each request, because the registry may not be there yet. */
export async function startLyingRegistry({ after }: FaultContext, target: () => string): Promise<LyingRegistry> {
  const agent = new Agent({ connections: 4096, headersTimeout: 0, bodyTimeout: 0 })
  const first = new Map<string, number>()
  let lie: Lie | undefined
  let asked = 0
  const server = createServer((incoming, response) => {
    asked++
    if (lie !== undefined) LIES[lie](incoming, response)
    else {
      const name = String(incoming.headers['x-consul-token'] ?? '')
      void passOn(target() + incoming.url, incoming, response, agent, () => {
        if (!first.has(name)) first.set(name, performance.now())
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(async () => {
    server.close()
    server.closeAllConnections()
    await agent.destroy()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
    first,
    forget: () => first.clear(),
    tell(next) {
      lie = next
      server.closeAllConnections()
    },
  }
}

function answer(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
}

async function passOn(
  url: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  agent: Agent,
  onAnswer: () => void,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const { host: _host, connection: _connection, 'x-consul-token': _name, ...headers } = incoming.headers
  try {
    const method = incoming.method as 'GET'
    const body = method === 'GET' ? null : incoming
    const heard = await request(url, { method, headers, body, dispatcher: agent, signal: gone.signal })
    const { connection: _kept, 'keep-alive': _alive, 'transfer-encoding': _chunked, ...passed } = heard.headers
    onAnswer()
    response.writeHead(heard.statusCode, passed)
    heard.body.pipe(response)
    heard.body.on('error', () => response.destroy())
  } catch {
    response.destroy() // as the registry itself would: it is gone, or the client is
  }
}
