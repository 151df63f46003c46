/** `skein up` as its user meets it: the commands beside it, a config changed while it runs, what goes wrong. */
import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { request } from 'undici'
import { eventually, freePort, ROOT, run, scratch, type Up, up } from '../support/up.ts'

const SKEIN = path.join(ROOT, 'bin/skein.js')

const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc')

const SERVICE = `
import { op, service } from 'skein'
import * as z from 'zod'
export default service('users', {
  get: op({ route: 'GET /user/:id', in: z.object({ id: z.string(), upper: z.boolean().optional() }), out: z.object({ name: z.string() }),
    errors: { NotFound: 404 } },
    ({ id, upper }, ctx) => id === '9' ? ctx.fail('NotFound') : ({ name: (upper ? 'ADA' : 'Ada') + (process.env.SUFFIX ?? '') })),
})
`
/** Knows nothing of Skein: neither registry nor health. */
const LEGACY = `
const http = require('node:http')
http.createServer((request, response) => response.end('legacy ' + request.url)).listen(Number(process.env.PORT), '127.0.0.1')
`

interface Ports {
  gateway: number
  registry: number
}

function config(
  { gateway, registry }: Ports,
  changes: { users?: string; routes?: string; services?: string } = {},
): string {
  return `
import { fleet } from 'skein'
export default fleet({
  services: {
    users: { entry: './users.ts', ${changes.users ?? 'instances: 2'} },
    legacy: { command: 'node legacy.cjs' },
    ${changes.services ?? ''}
  },
  registry: { port: ${registry} },
  gateway: { port: ${gateway}, routes: [{ path: '/user/*', to: 'users' }, { path: '/legacy', to: 'legacy' }, ${changes.routes ?? ''}] },
})
`
}

describe('skein up', { timeout: 240_000 }, () => {
  const { dir, remove } = scratch('up')
  let ports: Ports
  let running: Up
  const file = path.join(dir, 'skein.config.ts')
  const get = async (target: string) => {
    const answer = await request(running.gateway + target)
    return { status: answer.statusCode, text: await answer.body.text() }
  }
  const change = (changes: Parameters<typeof config>[1]) => writeFileSync(file, config(ports, changes))
  const weightsInRegistry = async () => {
    const body = await (await request(`${running.registry}/v1/health/service/users`)).body.json()
    const services = (body as { Service: { ID: string; Weights: { Passing: number } } }[]).map(({ Service }) => Service)
    return Object.fromEntries(services.map(({ ID, Weights }) => [ID, Weights.Passing]))
  }

  before(async () => {
    writeFileSync(path.join(dir, 'users.ts'), SERVICE)
    writeFileSync(path.join(dir, 'legacy.cjs'), LEGACY)
    const make = (chosen: Ports) => {
      ports = chosen
      return config(chosen)
    }
    running = await up(dir, make, ['/user/1', '/legacy'])
  })
  after(async () => {
    await running?.end('SIGTERM')
    remove()
  })

  test('a resolver that knows nothing of Skein finds the instances, by the port that the summary names', async () => {
    const port = await eventually('the summary', async () => /DNS on port (\d+)/.exec(running.output())?.[1])
    const resolver = new Resolver()
    resolver.setServers([`127.0.0.1:${port}`])
    const found = await eventually('both instances', async () => {
      const records = await resolver.resolveSrv('_users._tcp.service.consul')
      return records.length === 2 ? records : undefined
    })
    const body = await (await request(`${running.registry}/v1/health/service/users`)).body.json()
    const ports = (body as { Service: { Port: number } }[]).map(({ Service }) => Service.Port)
    assert.deepEqual(found.map((record) => record.port).sort(), ports.sort())
    assert.deepEqual(await resolver.resolve4('users.service.consul'), ['127.0.0.1'])
    await assert.rejects(resolver.resolve4('nobody.service.consul'), { code: 'ENOTFOUND' })
  })

  test('a program that knows nothing of a registry is registered for it', async () => {
    assert.deepEqual(await get('/legacy'), { status: 200, text: 'legacy /legacy' })
    const { stdout } = await running.skein('ps', '--json')
    const legacy = JSON.parse(stdout).instances.find(({ service }: { service: string }) => service === 'legacy')
    assert.equal(legacy.health, 'passing')
  })

  test('the summary shows what runs and what to try', async () => {
    await eventually('the summary', async () => running.output().includes('✓ ready in'))
    const output = running.output()
    assert.match(output, new RegExp(`curl ${running.gateway}/user/1 +→ users`))
    assert.match(output, /users +2\/2 +\d+ \d+/)
    assert.ok(!output.includes('\u001b['), 'no colours without a terminal')
  })

  test('ps lists the fleet, and what registered by itself as elsewhere', async () => {
    const entry = { ID: 'flask-1', Name: 'flask', Address: '10.0.0.9', Port: 5000 }
    await request(`${running.registry}/v1/agent/service/register`, { method: 'PUT', body: JSON.stringify(entry) })
    const { code, stdout } = await running.skein('ps')
    assert.equal(code, 0)
    assert.match(stdout, /^users +users-1 +ready +passing +\d+ +\d+ +1 +0 +\d+s$/m)
    assert.match(stdout, /^gateway +gateway-1 +ready/m)
    assert.match(stdout, /^flask +flask-1 +passing +10\.0\.0\.9:5000 +1$/m)
  })

  test('call converts options by the schema, and shows declared errors with status 1', async () => {
    const called = await running.skein('call', 'users.get', '--id', '1', '--upper', 'true', '--json')
    assert.deepEqual(JSON.parse(called.stdout), { name: 'ADA' })
    const failed = await running.skein('call', 'users.get', '--id', '9')
    assert.equal(failed.code, 1)
    assert.match(failed.stderr, /NotFound/)
    const unknown = await running.skein('call', 'users.gt', '--id', '9')
    assert.match(unknown.stderr, /Did you mean "get"\?/)
    assert.match((await running.skein('call', 'users')).stdout, /users\.get +--id <string> \[--upper <boolean>\]/)
  })

  test('explain asks the gateway', async () => {
    const { code, stdout } = await running.skein('explain', 'GET', '/user/7')
    assert.equal(code, 0, stdout)
    assert.match(stdout, /route +\/user\/\* → users/)
    assert.match(stdout, /users-1 .*may be chosen/)
    assert.equal((await running.skein('explain', '/nope')).code, 1)
  })

  test('logs shows one service, one instance, or refuses an unknown name', async () => {
    await get('/user/1')
    const lines = await eventually('access lines', async () => {
      const { stdout } = await running.skein('logs', 'gateway', '-n', '5', '--json')
      const parsed = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      return parsed.some(({ text }) => text.includes('"kind":"access"')) && parsed
    })
    assert.ok(lines.every(({ service }) => service === 'gateway'))
    assert.match((await running.skein('logs', 'users-1')).stdout, /users-1 +INFO +serving/)
    const unknown = await running.skein('logs', 'user')
    assert.equal(unknown.code, 1)
    assert.match(unknown.stderr, /Did you mean users\?/)
  })

  test('a second fleet of the same config is refused', async () => {
    const second = await run(process.execPath, [SKEIN, 'up'], dir)
    assert.equal(second.code, 1)
    assert.match(second.stderr, new RegExp(`skein\\.config\\.ts is running already, as pid ${running.child.pid}`))
  })

  test('a saved config changes routes at once', async () => {
    assert.equal((await get('/people/1')).status, 404)
    change({ routes: "{ path: '/people/*', to: 'users' }" })
    // The new route leads to the service, which answers 404 by itself: only the gateway's own 404 carries its error header.
    await eventually('the new route', async () => {
      const answer = await request(`${running.gateway}/people/1`)
      await answer.body.dump()
      return answer.headers['x-skein-error'] !== 'NOT_FOUND'
    })
    assert.equal((await get('/user/1')).status, 200)
  })

  test('a saved config changes weights without a restart, and counts', async () => {
    const pids = async () =>
      (await running.instances()).filter(({ service }) => service === 'users').map(({ pid }) => pid)
    const before = await pids()
    change({ users: 'instances: 2, weight: [7, 3]' })
    await eventually('the weights', async () => {
      const weights = await weightsInRegistry()
      return weights['users-1'] === 7 && weights['users-2'] === 3
    })
    assert.deepEqual(await pids(), before)
    change({ users: 'instances: 3, weight: [7, 3, 2]' })
    await eventually('three instances', async () => (await weightsInRegistry())['users-3'] === 2)
    assert.deepEqual(
      (await running.instances()).filter(({ service }) => service === 'users').map(({ weight }) => weight),
      [7, 3, 2],
    )
  })

  test('a saved config starts a service that is new, with its route, and removes one that is gone', async () => {
    const users = 'instances: 3, weight: [7, 3, 2]'
    const routes = "{ path: '/more', to: 'more' }"
    change({ users, services: "more: { command: 'node legacy.cjs' },", routes })
    await eventually('the new service through its route', async () => (await get('/more')).status === 200)
    assert.equal((await running.skein('scale', 'more=2')).code, 0)
    change({ users })
    await eventually('nothing of it left', async () => {
      const catalog = await (await request(`${running.registry}/v1/catalog/service/more`)).body.json()
      const services = (await running.instances()).map(({ service }) => service)
      return (catalog as unknown[]).length === 0 && !services.includes('more') && services.includes('users')
    })
    assert.match((await running.skein('restart', 'more')).stderr, /nothing called "more"/)
  })

  test('a saved config with another environment restarts the service', async () => {
    change({ users: "instances: 2, weight: [7, 3], env: { SUFFIX: '!' }" })
    await eventually('two restarted instances', async () => {
      const users = (await running.instances()).filter(({ service }) => service === 'users')
      return users.length === 2 && users.every(({ state, restarts }) => state === 'ready' && restarts === 1)
    })
    assert.deepEqual(JSON.parse((await get('/user/1')).text), { name: 'Ada!' })
  })

  test('a saved config with mistakes changes nothing, and all of them are shown', async () => {
    change({ users: 'instnces: 2', routes: "{ path: '/x', to: 'nobody' as 'users' }" })
    await eventually('the mistakes', async () => /2 mistakes/.test(running.output()))
    assert.match(running.output(), /services\.users\.instnces: unknown key\. Did you mean instances\?/)
    assert.match(running.output(), /gateway\.routes\[2\]\.to: no service "nobody"/)
    assert.equal((await get('/user/1')).status, 200)
    writeFileSync(file, 'export default {\n  services: {{\n}\n')
    await eventually('the syntax error', async () => /skein\.config\.ts:2: syntax error/.test(running.output()))
    assert.equal((await get('/user/1')).status, 200)
    change({ users: "instances: 2, weight: [7, 3], env: { SUFFIX: '!' }" })
  })

  test('an instance that dies is out of the registry at once', async () => {
    const one = (await running.instances()).find(({ id }) => id === 'users-2')!
    process.kill(one.pid!, 'SIGKILL')
    await eventually('users-2 out or replaced', async () => {
      const now = (await running.instances()).find(({ id }) => id === 'users-2')!
      return !('users-2' in (await weightsInRegistry())) || (now.pid !== one.pid && now.state === 'ready')
    })
    const weights = await eventually('users-2 back', async () => {
      const found = await weightsInRegistry()
      return 'users-2' in found && found
    })
    assert.equal(weights['users-2'], 3, 'it comes back with the weight of the changed config')
  })

  test('stop and restart act on one service; stop without a name ends everything', async () => {
    assert.equal((await running.skein('stop', 'legacy')).code, 0)
    await eventually('no legacy', async () => (await get('/legacy')).status === 503)
    assert.equal((await running.skein('restart', 'legacy')).code, 0)
    await eventually('legacy back', async () => (await get('/legacy')).status === 200)
    const unknown = await running.skein('restart', 'user')
    assert.equal(unknown.code, 1)
    assert.match(unknown.stderr, /did you mean "users"\?/)
    const stopped = await running.skein('stop')
    assert.equal(stopped.code, 0, stopped.stderr)
    assert.equal(await running.exited, 0)
    assert.doesNotMatch(running.output(), /not deregistered/)
    const none = await running.skein('ps')
    assert.equal(none.code, 1)
    assert.match(none.stderr, /no fleet runs here/)
  })
})

describe('skein up refuses', { timeout: 60_000 }, () => {
  const { dir, remove } = scratch('refused')
  after(remove)
  const start = async (name: string, text: string) => {
    const folder = path.join(dir, name)
    mkdirSync(folder)
    writeFileSync(path.join(folder, 'users.ts'), SERVICE)
    writeFileSync(path.join(folder, 'skein.config.mjs'), text)
    return run(process.execPath, [SKEIN, 'up', '--json', '--dns-port', 'off'], folder)
  }

  test('a config with mistakes, all at once, before anything starts', async () => {
    const { code, stdout, stderr } = await start(
      'mistakes',
      'export default { services: { users: { entry: "./user.ts", weight: 0 } }, gatway: {} }',
    )
    assert.equal(code, 1)
    const keys = JSON.parse(stdout).error.issues.map(({ key }: { key: string }) => key)
    assert.deepEqual(keys.sort(), ['gatway', 'services.users.entry', 'services.users.weight'])
    assert.match(stderr, /3 mistakes in skein\.config\.mjs/)
  })

  test('a registry elsewhere that does not answer', async () => {
    const address = `http://127.0.0.1:${await freePort()}`
    const text = `export default { services: { users: { entry: './users.ts' } }, registry: { address: '${address}' } }`
    const { code, stderr } = await start('away', text)
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`registry at ${address}: .*\\n.*registry\\.address in skein\\.config\\.mjs`))
  })

  test('to go on without its registry, and says why it did not start', async () => {
    const text = `export default { services: { users: { entry: './users.ts' } }, registry: { port: ${await freePort()}, data: '/dev/null/x' } }`
    const { code, stderr } = await start('data', text)
    assert.equal(code, 1)
    assert.match(
      stderr,
      /registry-1 does not start: exit 1: Error: the folder \/dev\/null\/x cannot be made: ENOTDIR.*\nEverything has been stopped again\./,
    )
  })

  test('a taken port, naming its owner and the way out', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    try {
      const text = `export default { services: { users: { entry: './users.ts' } }, registry: { port: ${await freePort()} },
        gateway: { port: ${port}, routes: [{ to: 'users' }] } }`
      const { code, stderr } = await start('port', text)
      assert.equal(code, 1)
      assert.match(
        stderr,
        new RegExp(`port ${port} \\(gateway\\) is taken by .*; choose another with --port or gateway\\.port`),
      )
    } finally {
      server.close()
    }
  })
})

test('a service that cannot start is shown with its reason, and the rest runs', { timeout: 60_000 }, async () => {
  const { dir, remove } = scratch('failing')
  writeFileSync(path.join(dir, 'users.ts'), SERVICE)
  writeFileSync(path.join(dir, 'broken.ts'), 'throw new Error("no database")\n')
  const failing = ({ gateway, registry }: Ports) => `export default {
    services: { users: { entry: './users.ts', instances: 2 }, broken: { entry: './broken.ts' } },
    registry: { port: ${registry} },
    gateway: { port: ${gateway}, routes: [{ to: 'users' }] },
  }`
  const running = await up(dir, failing, ['/user/1'])
  try {
    await eventually('the summary', async () => /instances ready/.test(running.output())).catch(() =>
      console.log(running.output()),
    )
    assert.match(running.output(), /! 2 of 3 instances ready/)
    assert.match(
      running.output(),
      /✗ broken-1: exit 1: Error: broken\.ts:1: throws Error: no database; it is tried again/,
    )
    const { stdout } = await running.skein('ps')
    assert.match(stdout, /^broken +broken-1 +(backoff|starting)/m)
  } finally {
    await running.end()
    remove()
  }
})

/** What npm install would bring, from this repository. */
function installInto(project: string): void {
  const modules = path.join(project, 'node_modules')
  mkdirSync(path.join(modules, '@types'), { recursive: true })
  symlinkSync(ROOT, path.join(modules, 'skein'))
  for (const name of ['zod', '@types/node'])
    symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name))
}

test('skein init writes a project that is valid, type-checks and runs', { timeout: 60_000 }, async () => {
  const { dir, remove } = scratch('init')
  try {
    const project = path.join(dir, 'my-app')
    const made = await run(process.execPath, [SKEIN, 'init', 'my-app'], dir)
    assert.equal(made.code, 0, made.stderr)
    assert.match(made.stdout, /cd my-app\n +npm install\n +npx skein up/)
    assert.equal(JSON.parse(readFileSync(path.join(project, 'package.json'), 'utf8')).name, 'my-app')
    installInto(project)
    const valid = await run(process.execPath, [SKEIN, 'validate', 'my-app'], dir)
    assert.equal(valid.code, 0, valid.stderr)
    const checked = await run(process.execPath, [TSC, '-p', '.'], project)
    assert.equal(checked.code, 0, checked.stdout)
    // Without what tells a run inside a test that it is one.
    const tested = await run(process.execPath, ['--test'], project, { ...process.env, NODE_TEST_CONTEXT: undefined })
    assert.equal(tested.code, 0, tested.stdout)
    const again = await run(process.execPath, [SKEIN, 'init', 'my-app'], dir)
    assert.equal(again.code, 1)
    assert.match(again.stderr, /already there: .*Nothing was written/s)
  } finally {
    remove()
  }
})
