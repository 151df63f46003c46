/** A registry in a process of its own, as `skein registry` starts it: it can be killed, frozen and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { request } from 'undici'
import { eventually, freePort, ROOT } from './up.ts'

export interface RegistryProcess {
  readonly url: string
  readonly pid: number
  /** All that it printed so far, since the first start. */
  readonly output: () => string
  /** SIGKILL and SIGTERM resolve when it has ended, others at once. */
  signal(name: NodeJS.Signals): Promise<void>
  /** Starts it again, on the same port and store, and waits until it serves. */
  restart(): Promise<void>
  /** SIGTERM, and SIGKILL if that is not heard. Idempotent. */
  close(): Promise<void>
}

/** `args` beside port and DNS: `--data`, `--store`, `--memory`. */
export async function startRegistryProcess(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<RegistryProcess> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const command = ['bin/skein.js', 'registry', '--port', String(port), '--dns-port', 'off', ...args]
  let child: ChildProcess
  let exited: Promise<unknown>
  let output = ''
  const isGone = () => child.exitCode !== null || child.signalCode !== null
  const start = () => {
    child = spawn(process.execPath, command, { cwd: ROOT, env: { ...process.env, ...env } })
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
    exited = new Promise((resolve) => child.once('exit', resolve))
    return eventually(`a registry on port ${port}`, async () => {
      if (isGone()) return true
      const answer = await request(`${url}/health/live`, { headersTimeout: 2000, bodyTimeout: 2000 })
      await answer.body.dump()
      return answer.statusCode === 200
    }).then(() => {
      if (isGone()) throw new Error(`the registry ended:\n${output}`)
    })
  }
  const signal = async (name: NodeJS.Signals) => {
    if (isGone()) return
    child.kill(name)
    if (name === 'SIGKILL' || name === 'SIGTERM') await exited
  }
  await start()
  return {
    url,
    get pid() {
      return child.pid!
    },
    output: () => output,
    signal,
    restart: start,
    async close() {
      if (isGone()) return
      child.kill('SIGCONT')
      const late = setTimeout(() => child.kill('SIGKILL'), 5000)
      await signal('SIGTERM')
      clearTimeout(late)
    },
  }
}
