import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { DRAIN_DELAY_MS, DRAIN_TIMEOUT_MS } from '../../service/placement.ts'
import type { FleetConfig, ServiceConfig } from '../define.ts'
import { runCommandLine } from '../run.ts'
import { type ComposeService, composeOf } from './compose.ts'
import { dockerfile } from './image.ts'
import { projectOf } from './project.ts'
import { toYaml } from './yaml.ts'

const project = { name: 'shop', config: 'skein.config.ts' }
const SHOP: FleetConfig = {
  services: {
    users: { entry: './users/service.ts', instances: 2 },
    orders: { entry: './orders/service.ts', instances: 3, weight: [5, 1, 1], env: { PRICE: '$5' } },
  },
  gateway: { port: 9000, routes: [{ path: '/user/*', to: 'users' }] },
}
const part = (name: string, service: ServiceConfig): ComposeService =>
  composeOf({ services: { [name]: service } }, project).compose.services[name]!

test('registry, gateway and services, from one image that the first of them builds', () => {
  const { compose, warnings } = composeOf(SHOP, project)
  const { registry, gateway, ...services } = compose.services
  assert.deepEqual(Object.keys(services), ['users', 'orders', 'orders-weight-1'])
  assert.deepEqual(
    Object.values(compose.services).map(({ build, image }) => [build, image]),
    [['.', 'shop'], ...Array(4).fill([undefined, 'shop'])],
  )
  assert.deepEqual(registry?.command?.slice(0, 3), ['registry', '--host', '0.0.0.0'])
  assert.deepEqual([registry?.ports, registry?.volumes], [undefined, ['registry:/data']])
  assert.deepEqual(gateway?.command, [
    ...['gateway', '--config', 'skein.config.ts', '--host', '0.0.0.0', '--port', '9000', '--admin-port', '9901'],
  ])
  assert.deepEqual(gateway?.ports, ['9000:9000'])
  assert.deepEqual(services['users']?.command, ['run', '/app/users/service.ts'])
  assert.deepEqual(warnings, [])
})

test('instances of equal weight are replicas; a dollar in the environment is one for the service, too', () => {
  const { orders, 'orders-weight-1': others } = composeOf(SHOP, project).compose.services
  assert.deepEqual([orders?.deploy, others?.deploy], [undefined, { replicas: 2 }])
  assert.deepEqual([orders?.environment['SKEIN_WEIGHT'], others?.environment['SKEIN_WEIGHT']], ['5', undefined])
  assert.deepEqual([orders?.environment['PRICE'], others?.environment['PRICE']], ['$$5', '$$5'])
  assert.deepEqual(part('a', { entry: 'a.ts', instances: 0 }).deploy, { replicas: 0 })
})

test('a program, a folder, a port; what has to be looked after is said', () => {
  const { entrypoint, environment, working_dir } = part('flask', { command: 'python3 "my app.py"', cwd: './flask' })
  assert.deepEqual(
    [entrypoint, working_dir, environment['PORT'], environment['SKEIN_SERVICE']],
    [['python3', 'my app.py'], '/app/flask', '8000', 'flask'],
  )
  const a = part('a', { entry: '../a.ts', port: 4000, health: '/ok' })
  assert.deepEqual([a.command, a.environment['SKEIN_PORT']], [['run', '/a.ts'], '4000'])
  assert.match(a.healthcheck?.test.join(' ') ?? '', /127\.0\.0\.1:4000\/ok/)
  const config: FleetConfig = {
    services: { p: { command: 'x' } },
    registry: { address: 'http://10.0.0.5:8500', acl: true },
  }
  const { compose, warnings } = composeOf(config, project)
  assert.deepEqual(Object.keys(compose.services), ['p'])
  assert.equal(compose.services['p']?.environment['SKEIN_REGISTRY'], 'http://10.0.0.5:8500')
  assert.equal(compose.volumes, undefined)
  assert.equal(warnings.length, 3)
  assert.match(warnings.join(), /^p is a program: .*registry\.acl: .*http:\/\/10\.0\.0\.5:8500 must be reachable/)
})

test('what the environment of Compose says of tracing is passed on to all that record spans', () => {
  const { compose } = composeOf({ ...SHOP, services: { ...SHOP.services, flask: { command: 'x' } } }, project)
  assert.equal(compose['x-tracing']['OTEL_EXPORTER_OTLP_ENDPOINT'], null)
  assert.deepEqual(
    Object.entries(compose.services).map(([name, { environment }]) => [name, environment['<<']]),
    [
      ['registry', undefined],
      ...['gateway', 'users', 'orders', 'orders-weight-1', 'flask'].map((name) => [name, 'x-tracing']),
    ],
  )
  assert.equal(compose.services['flask']?.environment['OTEL_SERVICE_NAME'], 'flask')
  const named = { command: 'x', env: { OTEL_RESOURCE_ATTRIBUTES: 'service.name=a' } }
  assert.equal(part('flask', named).environment['OTEL_SERVICE_NAME'], undefined)
})

test('each has a health check and time to drain; the gateway ends before those that it calls, the registry last', () => {
  const { registry, gateway, ...instances } = composeOf(SHOP, project).compose.services
  assert.match(gateway?.healthcheck?.test.join(' ') ?? '', /:9901\/health\/ready/)
  for (const { healthcheck, stop_grace_period, depends_on } of Object.values(instances)) {
    assert.match(healthcheck?.test.join(' ') ?? '', /:8000\/health\/ready/)
    assert.ok(Number.parseInt(stop_grace_period, 10) * 1000 > DRAIN_DELAY_MS + DRAIN_TIMEOUT_MS)
    assert.deepEqual(depends_on, ['registry'])
  }
  assert.deepEqual(gateway?.depends_on, ['registry', ...Object.keys(instances)])
  assert.equal(registry?.depends_on, undefined)
  assert.deepEqual([part('p', { command: 'x' }).init, part('p', { command: 'x' }).healthcheck], [true, undefined])
})

test('the gateway gets the variables with its secrets, wherever its config names one', () => {
  const auth = { oidc: { clientSecret: { env: 'OIDC' }, keys: [{ env: 'KEY' }, { file: '/run/secrets/old' }] } }
  const gateway = { redis: { url: { env: 'REDIS_URL' } }, routes: [{ to: 'users', auth }] } as never
  const { compose, warnings } = composeOf({ ...SHOP, gateway }, project)
  const { REDIS_URL, OIDC, KEY } = compose.services['gateway']!.environment
  assert.deepEqual([REDIS_URL, OIDC, KEY], [null, null, null])
  assert.match(warnings.join(), /REDIS_URL, OIDC, KEY.*\/run\/secrets\/old/)
})

test('the image: packages that lie in the project go before it; what lies elsewhere is refused', (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-export-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const image = (manifest: object) => {
    writeFileSync(path.join(dir, 'package.json'), JSON.stringify(manifest))
    return dockerfile(projectOf(path.join(dir, 'skein.config.ts')).installed)
  }
  const packed = { dependencies: { skein: 'file:skein-1.0.0.tgz', other: 'file:packages/other.tgz', zod: '^4' } }
  assert.match(image(packed), /\nCOPY package\.json skein-1\.0\.0\.tgz \.\/\nCOPY packages\/other\.tgz packages\/\n/)
  for (const manifest of [{ ...packed, workspaces: ['a'] }, { dependencies: { skein: '*', mine: 'file:./mine' } }])
    assert.match(image(manifest), /chown node:node \/data\nCOPY \. \.\n#.*\nRUN .* npm install --omit=dev\nUSER node\n/)
  assert.match(image({ name: 'skein' }), /npm install --include=dev\n[\s\S]*"\/app\/bin\/skein\.js"/)
  assert.throws(() => image({ dependencies: { skein: 'file:../skein' } }), /no image reaches/)
})

test('YAML: plain where that is safe, quoted where YAML would read something else', () => {
  const data = { a: { b: ['x', '8080:80', 'no', '1'], c: 'on', d: '', 'x y': '# "z"', e: {}, f: undefined, g: 2 } }
  assert.equal(
    toYaml(data),
    ['a:', '  b: [x, "8080:80", "no", "1"]', '  c: "on"', '  d: ""', '  "x y": "# \\"z\\""', '  e: {}', '  g: 2'].join(
      '\n',
    ),
  )
})

test('YAML: members without a value, and those that stand in several places', () => {
  const data = { 'x-a': { b: null }, c: { d: { '<<': 'x-a', e: '*f' } } }
  assert.equal(toYaml(data), ['x-a: &x-a', '  b:', 'c:', '  d:', '    <<: *x-a', '    e: "*f"'].join('\n'))
})

test('the command writes beside package.json, once, and says what is missing', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-export-'))
  t.after(() => rmSync(dir, { recursive: true }))
  mkdirSync(path.join(dir, 'deploy'))
  const config = path.join(dir, 'deploy/skein.config.json')
  writeFileSync(config, JSON.stringify({ services: { a: { command: 'node a.js' } } }))
  const skein = async (...argv: string[]) => {
    let [stdout, stderr] = ['', '']
    const streams = {
      stdout: { write: (text: string) => (stdout += text) },
      stderr: { write: (text: string) => (stderr += text) },
    }
    const status = await runCommandLine(['export', ...argv, '--config', config], {
      ...streams,
      env: {},
      cwd: dir,
    } as never)
    return { status, stdout, stderr }
  }
  assert.match((await skein('compose')).stderr, /there is no package\.json/)
  writeFileSync(path.join(dir, 'package.json'), '{}')
  assert.match((await skein('compose')).stderr, /does not depend on skein/)
  writeFileSync(path.join(dir, 'package.json'), '{"dependencies": {"skein": "*"}}')
  assert.equal((await skein('kubernetes')).status, 2)
  const { status, stdout, stderr } = await skein('compose')
  assert.deepEqual([status, /Note: a is a program/.test(stderr)], [0, true])
  assert.match(stdout, /^Wrote Dockerfile, compose\.yaml, \.dockerignore/)
  assert.match(readFileSync(path.join(dir, 'compose.yaml'), 'utf8'), /\n {4}working_dir: \/app\/deploy\n/)
  assert.match(
    readFileSync(path.join(dir, 'Dockerfile'), 'utf8'),
    /^COPY package\.json \.\/\n#.*\nRUN .* npm install --omit=dev\nCOPY \. \.\n/m,
  )
  assert.ok(existsSync(path.join(dir, '.dockerignore')))
  const again = await skein('compose')
  assert.match(again.stderr, /already there: Dockerfile, compose\.yaml\nNothing was written/)
  assert.equal(again.status, 1)
})
