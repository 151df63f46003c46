/** What `skein export compose` has containers run, run as processes: the same words and environment, all begun at once. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import type { FleetConfig } from '../../src/cli/define.ts'
import { APP, type ComposeService, composeOf } from '../../src/cli/export/compose.ts'
import { projectFiles } from '../../src/cli/init/template.ts'
import { eventually, freePort, ROOT, scratch } from '../support/up.ts'

const { dir, remove } = scratch('compose')
after(remove)

const CONFIG: FleetConfig = {
  services: {
    users: { entry: './users/service.ts' },
    greeter: { entry: './greeter/service.ts' },
  },
  gateway: {
    routes: [
      { path: '/user/*', to: 'users' },
      { path: '/hello/*', to: 'greeter' },
    ],
  },
}

/** Another address than the gateway's default, where there is one. */
const EDGE = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1'

test('the parts find each other, answer, and end by SIGTERM', { timeout: 60_000 }, async () => {
  for (const [name, text] of Object.entries(projectFiles('app', '0.1.0'))) {
    if (!name.endsWith('service.ts')) continue
    mkdirSync(path.dirname(path.join(dir, name)), { recursive: true })
    writeFileSync(path.join(dir, name), text)
  }
  writeFileSync(path.join(dir, 'skein.config.json'), JSON.stringify(CONFIG))
  const { compose } = composeOf(CONFIG, { name: 'app', config: 'skein.config.json' })
  const [registry, gateway] = [await freePort(), await freePort()]
  const HERE = ['--host', '127.0.0.1']
  // What a container has of its own: ports, a host name, a volume. Of two options the later one counts.
  const own: Readonly<Record<string, readonly string[]>> = {
    registry: [...HERE, '--port', String(registry), '--dns-port', 'off', '--data', path.join(dir, 'data')],
    gateway: ['--host', EDGE, '--port', String(gateway), '--admin-port', '0'],
  }
  const env = {
    SKEIN_REGISTRY: `http://127.0.0.1:${registry}`,
    SKEIN_REGISTRY_TOKEN: 'secret',
    SKEIN_HOST: '127.0.0.1',
    SKEIN_PORT: '0',
  }
  const children: ChildProcess[] = []
  try {
    for (const [name, { command = [], environment }] of Object.entries(compose.services)) {
      const words = command.map((word) => word.replace(new RegExp(`^${APP}/`), `${dir}/`))
      const args = [path.join(ROOT, 'bin/skein.js'), ...words, ...(own[name] ?? [])]
      children.push(
        spawn(process.execPath, args, {
          cwd: dir,
          env: { ...process.env, ...given(environment), ...env },
          stdio: 'ignore',
        }),
      )
    }
    const url = `http://${EDGE}:${gateway}/hello/1`
    const told = await eventually('an answer', async () => {
      const answer = await fetch(url)
      return answer.status === 200 && ((await answer.json()) as { message: string })
    })
    assert.equal(told.message, 'Hello, Ada!')
    assert.equal((await fetch(`http://127.0.0.1:${registry}/v1/catalog/services`)).status, 403, 'wants the token')
  } finally {
    const ends = children.toReversed().map((child) => {
      child.kill('SIGTERM')
      return child.exitCode ?? once(child, 'exit').then(([code]) => code as number)
    })
    assert.deepEqual(await Promise.all(ends), [0, 0, 0, 0])
  }
})

/** Without what Compose would take from its own environment. */
function given(environment: ComposeService['environment']): Record<string, string> {
  const entries = Object.entries(environment)
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (value === null || name === '<<' ? [] : [[name, value]])),
  )
}
