/** What tests of the running registry share. */
import { type RegistryOptions, type RunningRegistry, startRegistry } from './index.ts'

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly index: number
  json(): unknown
}

/** A registry in memory on a free port; `await using` closes it. */
export async function testRegistry(options: RegistryOptions = {}) {
  const running = await startRegistry({ port: 0, nodeName: 'node1', ...options })
  const ask =
    (method: string) =>
    (path: string, body?: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) =>
      send(running, method, path, body, { headers, ...(signal === undefined ? {} : { signal }) })
  return {
    ...running,
    get: ask('GET'),
    put: ask('PUT'),
    post: ask('POST'),
    delete: ask('DELETE'),
    [Symbol.asyncDispose]: () => running.close(),
  }
}

async function send(
  running: RunningRegistry,
  method: string,
  path: string,
  body: unknown,
  options: { headers: Record<string, string>; signal?: AbortSignal },
): Promise<Reply> {
  const encoded = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const init = encoded === undefined ? {} : { body: encoded }
  const response = await fetch(running.url + path, { method, redirect: 'manual', ...options, ...init })
  const text = await response.text()
  const index = Number(response.headers.get('x-consul-index') ?? 0)
  return { status: response.status, headers: response.headers, text, index, json: () => JSON.parse(text) }
}

/** A service with a TTL check that passes at first. */
export const instance = (name: string, id: string, extra: object = {}) => ({
  Name: name,
  ID: id,
  Port: 80,
  Check: { TTL: '10m', Status: 'passing' },
  ...extra,
})
