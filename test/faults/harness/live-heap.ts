/** What a Node process really holds: its heap and buffers right after a full collection, asked for through its inspector. */
import { eventually } from '../../support/up.ts'

/** For the environment of the process; its address is then in what it prints. */
export const INSPECTED: NodeJS.ProcessEnv = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }

/** In MiB; of the processes that print there, the one that began as the `nth`, default the last. */
export async function liveMiB(output: () => string, nth = -1): Promise<number> {
  const url = await eventually(
    'the address of the inspector',
    async () => [...output().matchAll(/Debugger listening on (ws:\S+)/g)].at(nth)?.[1],
  )
  const socket = new WebSocket(url)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true })
    socket.addEventListener('error', () => reject(new Error(`no inspector at ${url}`)), { once: true })
  })
  try {
    await call(socket, 1, 'HeapProfiler.enable')
    for (const id of [2, 3]) await call(socket, id, 'HeapProfiler.collectGarbage') // the second frees what the first finalised
    const expression = '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())'
    const { result } = (await call(socket, 4, 'Runtime.evaluate', { expression })) as { result: { value: number } }
    return result.value / 2 ** 20
  } finally {
    socket.close()
  }
}

function call(socket: WebSocket, id: number, method: string, params: object = {}): Promise<unknown> {
  return new Promise((resolve) => {
    socket.addEventListener('message', function heard({ data }) {
      const message = JSON.parse(String(data)) as { id?: number; result: unknown }
      if (message.id !== id) return
      socket.removeEventListener('message', heard)
      resolve(message.result)
    })
    socket.send(JSON.stringify({ id, method, params }))
  })
}
