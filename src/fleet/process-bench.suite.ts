/** For tests with real processes: small programs in a folder of their own, and a look at what still runs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { sleep, systemClock } from '../core/clock.ts'
import type { Fleet, InstanceInfo, ServiceSpec } from './contract.ts'

const core = new URL('../core/parent.ts', import.meta.url).href

/** Serves on $PORT and says so; drains on SIGTERM and when the fleet is gone. */
export const SERVICE = `
import { createServer } from 'node:http'
import { onParentGone, reportReady } from '${core}'
const server = createServer((request, response) => response.end(process.env.SKEIN_INSTANCE))
server.listen(Number(process.env.SKEIN_PORT), '127.0.0.1', () => {
  console.log('serving as ' + process.env.SKEIN_INSTANCE)
  reportReady(server.address().port)
})
const drain = () => server.close(() => { console.log('drained'); process.exit(0) })
process.on('SIGTERM', drain)
onParentGone(drain)
`

/** Knows nothing of Skein. */
export const PLAIN = `
import { createServer } from 'node:http'
createServer((request, response) => response.end('plain')).listen(Number(process.env.PORT), '127.0.0.1')
`

/** A folder with these files, removed at the end of the test. */
export function folder(t: TestContext, files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'skein-fleet-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  writeFileSync(join(path, 'package.json'), '{"type":"module"}')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

export function command(
  name: string,
  cwd: string,
  words: readonly string[],
  more: Partial<ServiceSpec> = {},
): ServiceSpec {
  return { name, command: words, cwd, env: {}, instances: 1, weights: [], ...more }
}

/** False for a zombie too: it has ended, only its parent has not looked yet. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch (error) {
    // No such process; or no /proc on this system, and then the signal's word counts.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' && process.platform !== 'linux'
  }
}

/** Resolves when none of `pids` runs any more. Processes of others give no event, so this looks again and again. */
export async function gone(pids: readonly number[], signal: AbortSignal): Promise<void> {
  while (pids.some(isAlive)) await sleep(20, systemClock, signal)
}

/** Resolves with the first change of which `test` holds. */
export function change(fleet: Fleet, test: (info: InstanceInfo) => boolean): Promise<InstanceInfo> {
  return new Promise((resolve) => {
    const stop = fleet.onChange((info) => {
      if (!test(info)) return
      stop()
      resolve(info)
    })
  })
}
