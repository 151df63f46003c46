/** The shop as `skein export compose` has it: the image built from the Dockerfile as it is, its parts run in containers and called. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import shop from '../../examples/shop/skein.config.ts'
import { build } from '../../scripts/build.ts'
import { type ComposeService, composeOf } from '../../src/cli/export/compose.ts'
import { type Engine, needsContainers, openEngine } from '../support/podman.ts'
import { eventually, ROOT, run } from '../support/up.ts'

const NODE = 'FROM node:26-slim'
const skip =
  process.versions.node.split('.')[0] === '26' ? needsContainers() : 'the image is one of Node 26, and this is another'

const { compose } = composeOf(shop, { name: 'shop', config: 'skein.config.ts' })
const SECRET = 'a secret'
/** As examples/shop/README.md has it. */
const SHARED = ['--env', 'SHOP_DATA=/data', '--volume', 'shop:/data']

/** The shop in a folder of its own, which has Skein as a file. */
async function makeProject(dir: string): Promise<void> {
  const must = async (command: string, ...args: string[]) => {
    const { code, stdout, stderr } = await run(command, args, dir)
    assert.equal(code, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`)
  }
  cpSync(path.join(ROOT, 'examples/shop'), dir, { recursive: true, filter: (file) => !file.endsWith('/.skein') })
  build(path.join(dir, 'dist'))
  await must('npm', 'pack', './dist')
  const { devDependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  const { kysely, pg, zod } = devDependencies
  const skein = `file:${readdirSync(dir).find((name) => name.endsWith('.tgz'))}`
  const manifest = { name: 'shop', private: true, type: 'module', dependencies: { skein, kysely, pg, zod } }
  writeFileSync(path.join(dir, 'package.json'), JSON.stringify(manifest))
  // What goes into the lock is asked of npm, and nothing installed here: that is for the image.
  await must('npm', 'install', '--package-lock-only', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund')
  mkdirSync(path.join(dir, 'node_modules'))
  symlinkSync(ROOT, path.join(dir, 'node_modules/skein'))
  await must(process.execPath, path.join(ROOT, 'bin/skein.js'), 'export', 'compose')
}

describe('the shop in containers', { skip, timeout: 240_000 }, () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-containers-'))
  let engine: Engine

  /** Its containers, called `users-1`, `users-2` …; Compose would do the same. */
  async function start(name: string, service: ComposeService): Promise<string[]> {
    const environment = { ...service.environment, SKEIN_REGISTRY_TOKEN: SECRET }
    const env = Object.entries(environment).flatMap(([key, value]) =>
      key === '<<' || value === null ? [] : ['--env', `${key}=${value}`],
    )
    const volumes = (service.volumes ?? []).flatMap((volume) => ['--volume', volume])
    // Podman has a domain searched, and a second name server asked; Docker has neither.
    const lookUp = ['--dns-search', '.', ...service.dns_opt.flatMap((option) => ['--dns-opt', option])]
    const own = ['registry', 'gateway'].includes(name) ? [] : SHARED
    const names = Array.from({ length: service.deploy?.replicas ?? 1 }, (_, i) => `${name}-${i + 1}`)
    for (const each of names) {
      const place = ['--name', each, '--network', 'shop', '--network-alias', name, ...lookUp]
      await engine.podman('run', '-d', ...place, ...env, ...volumes, ...own, service.image, ...(service.command ?? []))
    }
    return names
  }

  async function stop(name: string): Promise<void> {
    const seconds = Number.parseInt(compose.services[name.replace(/-\d+$/, '')]!.stop_grace_period, 10)
    await engine.podman('stop', '-t', String(seconds), name)
    const code = (await engine.podman('inspect', '-f', '{{.State.ExitCode}}', name)).trim()
    const { stdout, stderr } = await engine.attempt('logs', name)
    assert.equal(code, '0', `how ${name} ended:\n${stdout}${stderr}`)
  }

  const containers: string[] = []
  let edge: string

  before(async () => {
    const project = path.join(dir, 'project')
    mkdirSync(project)
    await makeProject(project)
    assert.ok(readFileSync(path.join(project, 'Dockerfile'), 'utf8').includes(NODE))
    engine = await openEngine(path.join(dir, 'engine'))
    await engine.build(project, 'shop')
    await engine.podman('network', 'create', 'shop')
    for (const [name, service] of Object.entries(compose.services)) containers.push(...(await start(name, service)))
    const address = '{{.NetworkSettings.Networks.shop.IPAddress}}'
    edge = `http://${(await engine.podman('inspect', '-f', address, 'gateway-1')).trim()}:8080`
  })
  after(async () => {
    await engine?.remove()
    rmSync(dir, { recursive: true, force: true })
  })

  const get = async (target: string) => {
    const answer = await fetch(`${edge}${target}`)
    return answer.status === 200 && ((await answer.json()) as Record<string, unknown>)
  }

  test('users and orders answer through the gateway', async () => {
    assert.equal((await eventually('a user', () => get('/user/1')))['id'], '1')
    const order = await eventually('an order with its user', () => get('/order/1'))
    assert.equal((order['user'] as { id: string }).id, order['userId'])
  })

  test('each is healthy by its own check, and nobody is root', async () => {
    for (const container of containers) {
      const [, ...ask] = compose.services[container.replace(/-\d+$/, '')]!.healthcheck!.test
      await eventually(
        `${container} is healthy`,
        async () => (await engine.attempt('exec', container, ...ask)).code === 0,
      )
      assert.equal((await engine.podman('exec', container, 'id', '-u')).trim(), '1000')
    }
  })

  test('an instance that is stopped drains, and no request fails', async () => {
    let isStopped = false
    const stopped = stop('users-2').finally(() => (isStopped = true))
    let asked = 0
    for (; !isStopped; asked++) assert.ok(await get(`/order/${1 + (asked % 3)}`))
    await stopped
    assert.ok(asked > 0)
  })

  test('all end by SIGTERM, the gateway first', async () => {
    for (const name of ['gateway-1', 'users-1', 'orders-1', 'orders-weight-1-1', 'orders-weight-1-2', 'registry-1'])
      await stop(name)
  })
})
