import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { COMMANDS } from './commands.ts'
import { projectFiles } from './init/template.ts'
import { runCommandLine } from './run.ts'

let dir: string
before(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'skein-cli-'))
})
after(() => rmSync(dir, { recursive: true }))

/** Runs a command line as a user would, without a process. */
async function skein(...argv: string[]) {
  let stdout = ''
  let stderr = ''
  const status = await runCommandLine(argv, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env: {},
    cwd: dir,
  })
  return { status, stdout, stderr }
}

describe('help', () => {
  test('of skein names every command, and is shown without one', async () => {
    for (const argv of [[], ['--help'], ['-h'], ['help']]) {
      const { status, stdout, stderr } = await skein(...argv)
      assert.deepEqual([status, stderr], [0, ''])
      for (const { name, summary } of COMMANDS)
        assert.match(stdout, new RegExp(`^  ${name} +${summary.slice(0, 20)}`, 'm'))
    }
  })

  for (const { name, load } of COMMANDS) {
    test(`of ${name} has a description, every option, examples and exit statuses`, async () => {
      const { status, stdout, stderr } = await skein(...name.split(' '), '--help')
      assert.deepEqual([status, stderr], [0, ''])
      const { default: command } = await load()
      assert.equal(command.name, name)
      assert.ok(command.examples.length >= 2, 'at least two examples')
      for (const [line] of command.examples) assert.ok(stdout.includes(line), line)
      for (const option of Object.keys(command.options)) assert.ok(stdout.includes(`--${option}`), option)
      assert.match(stdout, /Exit status\n {2}0 +done\n {2}1 +.+\n {2}2 +the command line is wrong/)
      assert.ok(
        stdout.split('\n').every((line) => line.length <= 130),
        'no line is too wide',
      )
      assert.equal((await skein('help', ...name.split(' '))).stdout, stdout)
    })
  }
})

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  assert.equal((await skein('--version')).stdout, `${version}\n`)
  assert.equal((await skein('ps', '-V')).stdout, `${version}\n`)
})

describe('a wrong command line has status 2 and shows the way', () => {
  const CASES: readonly (readonly [string, RegExp])[] = [
    ['pss', /unknown command pss; did you mean skein ps\?\nskein --help shows/],
    ['constructor', /unknown command constructor\n/],
    ['ps --jsn', /unknown option --jsn; did you mean --json\?\nskein ps --help shows/],
    ['--nope', /unknown option --nope/],
    ['', /^Error: unknown command ''\n/],
    ['ps ', /unexpected argument '': this takes options only/],
    ['explain GET /order/7 -H nothing', /--header nothing: write 'name: value'/],
    ['scale', /say what to scale/],
    ['scale orders', /orders: write <service>=<count>/],
    ['scale orders=many', /orders=many: write/],
    ['restart', /name one service or instance/],
    ['stop a b', /name one service or instance/],
    ['call', /name one operation as <service>\.<operation>/],
    ['call users.get.more', /name one operation/],
    ['explain', /give a method and a path/],
    ['explain GET order/7', /a path that starts with \//],
    ['run', /name one entry/],
    ['registry --memory --data x', /give --memory or --data, not both/],
    ['registry --memory --acl-default deny', /--acl-default says nothing without --acl/],
    ['registry --memory --acl --acl-default maybe', /write allow or deny/],
    ['gateway --config a --name b', /give --config or --name, not both/],
    ['up --port eight', /--port eight: not a port/],
    ['up here', /unexpected argument here: this takes options only/],
    ['ps users', /unexpected argument users/],
    ['gateway edge', /unexpected argument edge/],
    ['registry removed users-2', /unexpected argument users-2/],
    ['scale users=1 orders=2 users=3', /users is named twice: give one count/],
  ]
  for (const [line, pattern] of CASES) {
    test(line, async () => {
      const { status, stdout, stderr } = await skein(...line.split(' '))
      assert.deepEqual([status, stdout], [2, ''])
      assert.match(stderr, pattern)
    })
  }
})

test('with --json an error is one document on stdout, and the text on stderr', async () => {
  const { status, stdout, stderr } = await skein('ps', '--json')
  assert.equal(status, 1)
  assert.deepEqual(JSON.parse(stdout).error.message, 'no fleet runs here')
  assert.match(stderr, /Error: no fleet runs here\nStart one with skein up/)
})

describe('validate', () => {
  const write = (name: string, value: unknown) => writeFileSync(path.join(dir, name), JSON.stringify(value))

  test('a good config has status 0 and a summary', async () => {
    write('good.json', { services: { a: { command: 'x', instances: 3 } }, gateway: { routes: [{ to: 'a' }] } })
    const { status, stdout } = await skein('validate', 'good.json')
    assert.deepEqual([status, stdout], [0, '✓ good.json: 1 service, 3 instances, 1 route\n'])
    const json = JSON.parse((await skein('validate', 'good.json', '--json')).stdout)
    assert.deepEqual([json.valid, json.issues], [true, []])
    assert.equal((await skein('validate', '--config', 'good.json')).stdout, stdout)
    assert.equal((await skein('validate', '--config', 'good.json', 'good.json')).status, 2)
  })

  test('what only the gateway’s own machine may have is noted, from the folder of the config', async () => {
    const gateway = { tls: { certificates: [{ cert: './no.pem', key: './no.key' }] }, routes: [{ to: 'a' }] }
    write('noted.json', { services: { a: { command: 'x' } }, gateway })
    const { status, stdout } = await skein('validate', 'noted.json')
    assert.equal(status, 0)
    assert.match(stdout, /^✓ noted\.json: .*\nThe gateway needs these where it runs; here they cannot be had:\n/)
    const { valid, notes } = JSON.parse((await skein('validate', 'noted.json', '--json')).stdout)
    const keys = notes.map(({ key }: { key: string }) => key)
    assert.deepEqual([valid, keys], [true, ['cert', 'key'].map((name) => `gateway.tls.certificates[0].${name}`)])
    assert.ok(notes[0].message.includes(path.join(dir, 'no.pem')))
  })

  test('a bad one has status 1 and every mistake', async () => {
    write('bad.json', { services: { a: { comand: 'x' } }, gateway: { routes: [{ to: 'b' }] } })
    const { status, stdout, stderr } = await skein('validate', 'bad.json')
    assert.deepEqual([status, stdout], [1, ''])
    assert.match(stderr, /^3 mistakes in bad\.json\n {2}services\.a\.comand: unknown key\n {4}Did you mean command\?/)
    const json = JSON.parse((await skein('validate', 'bad.json', '--json')).stdout)
    assert.equal(json.issues.length, 3)
  })

  test('none at all says where it was looked for', async () => {
    const { status, stderr } = await skein('validate', 'gone.json')
    assert.equal(status, 1)
    assert.match(stderr, /there is no config gone\.json\nIt was looked for at \//)
  })
})

describe('explain, where no gateway runs', () => {
  before(() => {
    const routes = [
      { path: '/user/*', to: 'a', balance: { policy: 'hash', on: 'ip' } },
      { path: '/user/*', methods: ['POST'], to: 'b' },
    ]
    writeFileSync(
      path.join(dir, 'skein.config.json'),
      JSON.stringify({ services: { a: { command: 'x' }, b: { command: 'x' } }, gateway: { routes } }),
    )
  })

  test('tells route and policy from the config', async () => {
    const { status, stdout } = await skein('explain', '/user/7')
    assert.equal(status, 0)
    assert.match(
      stdout,
      /route +\/user\/\* → a\nwhy +the only route that matches\nservice +a\npolicy +ring-hash on ip\n/,
    )
    assert.match(stdout, /from the config alone/)
    const json = JSON.parse((await skein('explain', 'post /user/7?x=1', '--json')).stdout)
    assert.deepEqual([json.route.to, json.request.query, json.others[0].matches], ['b', 'x=1', true])
  })

  test('has status 1 where no route matches', async () => {
    const { status, stdout } = await skein('explain', 'GET', '/nope')
    assert.equal(status, 1)
    assert.match(stdout, /route +none: the gateway answers 404/)
  })

  test('refuses what the gateway would refuse', async () => {
    assert.match(
      (await skein('explain', 'GET', '/a/../b')).stderr,
      /such a request is refused: the path has a dot segment/,
    )
  })
})

describe('run', () => {
  test('of a file that is not there, or exports no service', async () => {
    assert.match((await skein('run', 'gone.ts')).stderr, /there is no file gone\.ts\nIt was looked for at/)
    writeFileSync(path.join(dir, 'nothing.ts'), 'export const a = 1\n')
    assert.match(
      (await skein('run', 'nothing.ts')).stderr,
      /nothing\.ts exports nothing by default\nWrite: export default service/,
    )
    writeFileSync(path.join(dir, 'other.ts'), 'export default { a: 1 }\n')
    assert.match((await skein('run', 'other.ts')).stderr, /other\.ts exports by default what is no service/)
  })

  test('of a module that throws shows file, line and stack, once', async () => {
    writeFileSync(
      path.join(dir, 'throws.ts'),
      'function open(): never {\n  throw new Error("no database")\n}\nopen()\n',
    )
    const { status, stderr } = await skein('run', 'throws.ts')
    assert.equal(status, 1)
    assert.match(stderr, /^Error: throws\.ts:2: throws Error: no database\n/)
    assert.match(stderr, /2 │ +throw new Error/)
    assert.match(stderr, /at open .*throws\.ts:2:9\)\n +at .*throws\.ts:4:1\)?\n$/)
    assert.equal(stderr.split('no database').length, 3, 'in the message and in the line, nowhere else')
  })
})

test('init writes the whole template, and nothing where something is in the way', async () => {
  const made = await skein('init', 'My App!', '--json')
  assert.equal(made.status, 0, made.stderr)
  assert.deepEqual(JSON.parse(made.stdout).files, Object.keys(projectFiles('x', '1')))
  const { name, dependencies } = JSON.parse(readFileSync(path.join(dir, 'My App!/package.json'), 'utf8'))
  assert.equal(name, 'my-app')
  // This is a checkout: of a version that npm may not have.
  const [kind, folder] = dependencies.skein.split(':')
  const root = path.join(import.meta.dirname, '../..')
  assert.deepEqual([kind, path.resolve(dir, 'My App!', folder)], ['file', root])
  const again = await skein('init', 'My App!')
  assert.equal(again.status, 1)
  assert.match(again.stderr, /already there: My App!\/package\.json.*Nothing was written/s)
})
