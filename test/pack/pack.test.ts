/** The package as its users get it: built, packed, installed by npm into an empty folder, and used there. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { request } from 'undici'
import { build, publishedManifest } from '../../scripts/build.ts'
import { eventually, freePort, ROOT, type Run, run } from '../support/up.ts'

const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc')
/** What npm says when no registry answers. */
const NO_REGISTRY = /\b(?:ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|ENOTCACHED|ECONNRESET)\b/

const files: Record<string, string> = {
  'package.json': JSON.stringify({ name: 'consumer', private: true, type: 'module' }),
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      target: 'es2024',
      module: 'nodenext',
      types: ['node'],
      strict: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      verbatimModuleSyntax: true,
    },
    include: ['*.ts'],
  }),
  'service.ts': `
import { op, service } from 'skein'
import * as z from 'zod'

export default service('greeter', {
  hello: op({ route: 'GET /hello/:name', in: z.object({ name: z.string() }), out: z.object({ text: z.string() }) },
    async ({ name }) => ({ text: 'Hello, ' + name })),
})
`,
  'main.ts': `
import { client, serve } from 'skein'
import { startRegistry } from 'skein/registry'
import greeter from './service.ts'

const registry = await startRegistry({ port: 0 })
process.env['SKEIN_REGISTRY'] = registry.url
const running = await serve(greeter)
const greeterClient = client<typeof greeter>('greeter')
const { text } = await greeterClient.hello({ name: 'Ada' })
console.log('answer: ' + text)
await running.close()
await registry.close()
process.exit(0)
`,
}

/** Each is one mistake that a caller's compiler must see. */
const MISTAKES: Record<string, string> = {
  'a service name that is not the type': "client<typeof greeter>('greter')",
  'an operation that is not there': "client<typeof greeter>('greeter').helo({ name: 'Ada' })",
  'an input field that is missing': "client<typeof greeter>('greeter').hello({})",
  'an output field that is not there': "(await client<typeof greeter>('greeter').hello({ name: 'Ada' })).txt",
}

function npm(args: readonly string[], cwd: string): Promise<Run> {
  return run('npm', [...args, '--no-audit', '--no-fund', '--no-update-notifier'], cwd)
}

/** The folder's tarball, made with npm pack. */
async function pack(dist: string, into: string): Promise<string> {
  const packed = await npm(['pack', dist, '--pack-destination', into], into)
  assert.equal(packed.code, 0, packed.stderr)
  return path.join(into, readdirSync(into).find((name) => name.endsWith('.tgz'))!)
}

test('the published package.json names what was built and nothing that is only for development', () => {
  const published = publishedManifest(manifest)
  assert.deepEqual((published['exports'] as Record<string, unknown>)['./client'], {
    types: './client/index.d.ts',
    default: './client/index.js',
  })
  assert.deepEqual(published['dependencies'], manifest.dependencies)
  for (const field of ['private', 'scripts', 'devDependencies', 'allowScripts']) assert.ok(!(field in published), field)
})

describe('installed from its tarball', { timeout: 240_000 }, () => {
  const temporary = mkdtempSync(path.join(tmpdir(), 'skein-pack-'))
  const dist = path.join(temporary, 'dist')
  const consumer = path.join(temporary, 'consumer')
  const installed = path.join(consumer, 'node_modules/skein')
  let noRegistry: string | undefined

  before(async () => {
    build(dist)
    mkdirSync(consumer)
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(consumer, name), text)
    const tarball = await pack(dist, temporary)
    const others = ['zod', '@types/node'].map((name) => `${name}@${manifest.devDependencies[name]}`)
    const { code, stderr } = await npm(
      ['install', '--prefer-offline', '--ignore-scripts', tarball, ...others],
      consumer,
    )
    if (NO_REGISTRY.test(stderr))
      noRegistry = 'skipped: npm reaches no package registry, so dependencies cannot be installed'
    else assert.equal(code, 0, stderr)
  })
  after(() => rmSync(temporary, { recursive: true }))

  const used = (name: string, use: () => Promise<void>) =>
    test(name, async (t) => (noRegistry === undefined ? use() : t.skip(noRegistry)))

  used('it holds every export as JavaScript and declarations, and no TypeScript source or test', async () => {
    const exports = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8')).exports
    for (const [name, entry] of Object.entries<string | { types: string; default: string }>(exports)) {
      const named = typeof entry === 'string' ? [entry] : [entry.types, entry.default]
      for (const file of named) assert.ok(existsSync(path.join(installed, file)), `${name}: ${file}`)
    }
    const all = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter(
      (f) => !f.startsWith('node_modules'),
    )
    assert.deepEqual(
      all.filter((file) => /(?<!\.d)\.ts$|\.(?:test|suite|fixture)\./.test(file)),
      [],
    )
  })

  used('a service serves, registers and answers a typed call', async () => {
    const { code, stdout, stderr } = await run(process.execPath, ['main.ts'], consumer)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^answer: Hello, Ada$/m)
  })

  used("a caller type-checks; each mistake is the compiler's error", async () => {
    const right = await run(process.execPath, [TSC, '-p', '.'], consumer)
    assert.equal(right.code, 0, right.stdout)
    const heads = "import { client } from 'skein'\nimport type greeter from './service.ts'\n"
    const lines = Object.values(MISTAKES).map((mistake) => `void (${mistake})\n`)
    writeFileSync(path.join(consumer, 'mistakes.ts'), heads + lines.join(''))
    const { stdout } = await run(process.execPath, [TSC, '-p', '.', '--pretty', 'false'], consumer)
    for (const [index, what] of Object.keys(MISTAKES).entries()) {
      assert.match(stdout, new RegExp(`^mistakes\\.ts\\(${index + 3},`, 'm'), `${what}: the compiler is content`)
    }
    rmSync(path.join(consumer, 'mistakes.ts'))
  })

  used('what skein init writes depends on its version', async () => {
    const made = await run(process.execPath, [path.join(installed, 'bin/skein.js'), 'init', 'new'], consumer)
    assert.equal(made.code, 0, made.stderr)
    const { dependencies } = JSON.parse(readFileSync(path.join(consumer, 'new/package.json'), 'utf8'))
    assert.equal(dependencies.skein, `^${manifest.version}`)
  })

  used('skein up runs a fleet of it', async () => {
    const ports = { gateway: await freePort(), registry: await freePort() }
    const config = `
import { fleet } from 'skein'
export default fleet({
  services: { greeter: { entry: './service.ts', instances: 2 } },
  registry: { port: ${ports.registry} },
  gateway: { port: ${ports.gateway}, routes: [{ path: '/hello/*', to: 'greeter' }] },
})
`
    writeFileSync(path.join(consumer, 'skein.config.ts'), config)
    const child = spawn(
      process.execPath,
      [path.join(installed, 'bin/skein.js'), 'up', '--verbose', '--dns-port', 'off'],
      { cwd: consumer },
    )
    const ended = outputOf(child)
    try {
      const body = await eventually('the greeter through the gateway', async () => {
        if (child.exitCode !== null) return '{}'
        const answer = await request(`http://127.0.0.1:${ports.gateway}/hello/Ada`)
        const text = await answer.body.text()
        return answer.statusCode === 200 && text
      })
      assert.deepEqual(JSON.parse(body), { text: 'Hello, Ada' })
    } catch (error) {
      child.kill('SIGTERM')
      throw new Error(`skein up printed:\n${await ended}`, { cause: error })
    }
    child.kill('SIGTERM')
    await ended
  })
})

/** All that a process prints, when it has ended. */
function outputOf(child: ChildProcess): Promise<string> {
  let output = ''
  child.stdout!.on('data', (chunk) => (output += chunk))
  child.stderr!.on('data', (chunk) => (output += chunk))
  return new Promise((resolve) => child.on('close', () => resolve(output)))
}
