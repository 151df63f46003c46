import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { checkConfig } from './check.ts'

let dir: string
let file: string

before(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'skein-check-'))
  file = path.join(dir, 'skein.config.ts')
  writeFileSync(path.join(dir, 'service.ts'), '')
})
after(() => rmSync(dir, { recursive: true }))

const ENTRY = { entry: './service.ts' }
/** `key: message. fix` of every issue. */
const check = (value: unknown) => checkConfig(value, file).map(({ key, message, fix }) => `${key}: ${message}. ${fix}`)
const checkOne = (service: unknown) => check({ services: { users: service } })

describe('a config', () => {
  test('without mistakes has no issues', () => {
    const config = {
      services: {
        users: { ...ENTRY, instances: 3, weight: [5, 1, 1], env: { A: '1' }, cwd: '.', health: '/healthz' },
        legacy: { command: 'node app.js', port: 4000 },
        idle: { command: ['sh', '-c', 'exec app | tee log'], instances: 0, weight: 3 },
      },
      registry: { port: 8501, dnsPort: 8601, host: '127.0.0.1', data: 'data' },
      gateway: { routes: [{ path: '/user/*', to: 'users' }] },
    }
    assert.deepEqual(check(config), [])
    assert.deepEqual(check({ ...config, gateway: { ...config.gateway, port: 0 } }), [])
    const address = 'http://consul:8500,http://other:8500/'
    assert.deepEqual(check({ services: {}, registry: { address }, gateway: false }), [])
  })

  test('with three mistakes has three issues', () => {
    const issues = checkConfig(
      {
        services: { users: { entry: './servce.ts', instanzes: 2 } },
        gateway: { routes: [{ path: '/user/*', to: 'user' }] },
      },
      file,
    )
    assert.deepEqual(
      issues.map(({ key }) => key),
      ['services.users.instanzes', 'services.users.entry', 'gateway.routes[0].to'],
    )
    assert.ok(issues.every((issue) => issue.file === file && issue.message !== '' && issue.fix !== ''))
  })

  const WHOLE: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /^: has no default export\. Write: export default fleet/],
    [() => ({}), /exports a function, not a config/],
    [{ services: ENTRY, gatway: {} }, /^gatway: unknown key\. Did you mean gateway\?/],
    [{}, /^services: nothing is not an object/],
    [{ services: { gateway: ENTRY } }, /^services\.gateway: gateway is the name of a part of Skein/],
    [{ services: { 'My App': ENTRY } }, /^services\["My App"\]: My App cannot be a host name/],
    [{ services: {}, registry: { address: 'consul:8500' } }, /^registry\.address: 'consul:8500' is not a URL/],
    [{ services: {}, registry: { address: 'http://a,b' } }, /^registry\.address: 'b' is not a URL/],
    [{ services: {}, registry: { acl: 'yes' } }, /^registry\.acl: 'yes' is not a boolean/],
    [{ services: {}, registry: { address: 'http://c:1', acl: true } }, /^registry\.acl: stands beside address/],
    [{ services: {}, registry: { dnsPort: 'on' } }, /^registry\.dnsPort: 'on' is not a whole number/],
    [{ services: {}, registry: { port: 8600 } }, /^registry\.dnsPort: port 8600 is also that of registry\.port/],
    [{ services: {}, registry: { address: 'http://c:1', port: 1 } }, /^registry\.port: stands beside address/],
    [{ services: { a: { ...ENTRY, port: 8500 } } }, /^services\.a\.port: port 8500 is also that of registry\.port/],
    [
      { services: { a: ENTRY }, registry: { port: 8080 }, gateway: { routes: [{ to: 'a' }] } },
      /^gateway\.port: port 8080 is also that of registry\.port/,
    ],
  ]
  for (const [value, pattern] of WHOLE) {
    test(String(pattern), () => assert.match(check(value).join('\n'), new RegExp(pattern, 'm')))
  }
})

describe('a service', () => {
  const CASES: readonly (readonly [unknown, RegExp])[] = [
    ['./service.ts', /'\.\/service\.ts' is not a service\. Write \{ entry/],
    [{}, /says nothing to run\. Give entry/],
    [{ ...ENTRY, command: 'node a.js' }, /has both entry and command/],
    [{ entry: './servce.ts' }, /users\.entry: there is no file \.\/servce\.ts\. Did you mean service\.ts\?/],
    [{ entry: 7 }, /users\.entry: 7 is not a text/],
    [{ command: 'node a.js | tee log' }, /users\.command: \| is for a shell.*Write \['sh', '-c', '…'\]/],
    [{ command: [] }, /users\.command: is not a list of texts/],
    [{ ...ENTRY, instances: -1 }, /users\.instances: -1 is not a whole number from 0 to 256/],
    [{ ...ENTRY, instances: '2' }, /users\.instances: '2' is not a whole number/],
    [{ ...ENTRY, weight: [1, 1] }, /users\.weight: 2 weights for 1 instance\. Give 1 at most/],
    [{ ...ENTRY, instances: 2, weight: [1, 0] }, /users\.weight\[1\]: 0 is not a whole number from 1 to 65535/],
    [{ ...ENTRY, env: { A: 1 } }, /users\.env\.A: 1 is not a text\. Write '1', in quotes/],
    [{ ...ENTRY, env: { DB: undefined } }, /users\.env\.DB: undefined is not a text\. Set it/],
    [{ ...ENTRY, cwd: './gone' }, /users\.cwd: there is no folder \.\/gone/],
    [{ ...ENTRY, health: 'ok' }, /users\.health: 'ok' is not a path\. Write '\/ok'/],
    [{ ...ENTRY, health: '/is it well' }, /users\.health: '\/is it well' is not a path\. Write '\/is%20it%20well'/],
    [{ ...ENTRY, port: 0 }, /users\.port: 0 is not a whole number from 1 to 65535/],
    [{ ...ENTRY, port: 4000, instances: 2 }, /users\.port: 2 instances cannot share port 4000/],
  ]
  for (const [service, pattern] of CASES) {
    test(String(pattern), () => {
      const issues = checkOne(service)
      assert.equal(issues.length, 1, issues.join('\n'))
      assert.match(issues[0]!, pattern)
    })
  }
})
