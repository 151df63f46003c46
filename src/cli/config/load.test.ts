import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ConfigError, type Issue } from '../../core/issues.ts'
import { Failure } from '../command.ts'
import { loadConfig } from './load.ts'

const DEFINE = import.meta.resolve('../../service/define.ts')

let dir: string
before(() => (dir = mkdtempSync(path.join(tmpdir(), 'skein-load-'))))
after(() => rmSync(dir, { recursive: true }))

const write = (name: string, text: string) => {
  const file = path.join(dir, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

async function issuesOf(name: string, text: string): Promise<readonly Issue[]> {
  write(name, text)
  try {
    await loadConfig(name, dir)
  } catch (error) {
    if (error instanceof ConfigError) return error.issues
    throw error
  }
  return []
}

describe('loading', () => {
  test('finds the nearest config, walking up', async () => {
    const file = write('up/skein.config.mjs', 'export default { services: {} }')
    mkdirSync(path.join(dir, 'up/a/b'), { recursive: true })
    assert.deepEqual(await loadConfig(undefined, path.join(dir, 'up/a/b')), { file, config: { services: {} } })
    assert.equal((await loadConfig('up', dir)).file, file)
  })

  test('says where it looked', async () => {
    await assert.rejects(loadConfig('gone.ts', dir), (error) => error instanceof Failure && error.fix.includes(dir))
  })

  test('takes no folder for a config', async () => {
    mkdirSync(path.join(dir, 'odd/skein.config.ts'), { recursive: true })
    const file = write('odd/skein.config.json', '\ufeff{ "services": {} }')
    assert.equal((await loadConfig(undefined, path.join(dir, 'odd'))).file, file)
    mkdirSync(path.join(dir, 'empty'))
    await assert.rejects(loadConfig('empty', dir), { message: 'there is no skein.config.ts in empty' })
  })

  test('reads TypeScript and JSON, and reads anew what has changed', async () => {
    write('again.ts', 'export default { services: { a: { command: "x" as string } } }')
    assert.deepEqual(Object.keys((await loadConfig('again.ts', dir)).config.services), ['a'])
    write('again.ts', 'export default { services: { b: { command: "x" as string } } }')
    assert.deepEqual(Object.keys((await loadConfig('again.ts', dir)).config.services), ['b'])
    assert.deepEqual(await issuesOf('c.json', '{ "services": {} }'), [])
  })

  test('names the file relative to where the user is', async () => {
    const issues = await issuesOf('sub/skein.config.ts', 'export default { services: { a: {} } }')
    assert.equal(issues[0]?.file, path.join('sub', 'skein.config.ts'))
  })
})

describe('a file that cannot be loaded shows where, once', () => {
  const CASES: readonly (readonly [name: string, text: string, place: string, message: RegExp, caret: boolean])[] = [
    ['syntax.ts', 'export default {\n  a: 1 2\n}\n', 'syntax.ts:2', /^syntax error: /, true],
    ['syntax.mjs', 'export default {\n  a: 1 2\n}\n', 'syntax.mjs:2', /^syntax error: Unexpected number$/, true],
    ['syntax.json', '{\n  "services": { x }\n}\n', 'syntax.json:2', /^syntax error: /, true],
    [
      'throws.ts',
      'function f(): never {\n  throw new Error("no DB_URL")\n}\nf()\n',
      'throws.ts:2',
      /^throws Error: no DB_URL$/,
      true,
    ],
    ['imports.ts', 'import "./inner.mjs"\n', 'inner.mjs:3', /^throws TypeError: inner$/, true],
    ['comment.json', '// a comment\n{}', 'comment.json', /^syntax error: Unexpected token '\/'/, false],
    ['skein.ts', `import { op } from '${DEFINE}'\nop(undefined as never, () => 1)()\n`, 'skein.ts:2', /^throws /, true],
    ['inside.ts', `import { service } from '${DEFINE}'\nservice('A B', {})\n`, 'inside.ts:2', /^throws /, true],
    ['enum.ts', 'enum A { x }\nexport default {}\n', 'enum.ts:1', /enum is not supported/, true],
    ['string.mjs', 'throw "text"\n', 'string.mjs', /^throws Error: text$/, false],
    ['package.ts', 'import "no-such-package"\n', 'package.ts', /^there is no package no-such-package, /, false],
    ['file.ts', 'import "./no-such-file.ts"\n', 'file.ts', /^there is no file .*no-such-file\.ts, /, false],
  ]
  before(() => write('inner.mjs', '// one\n// two\nthrow new TypeError("inner")\n'))

  for (const [name, text, place, message, caret] of CASES) {
    test(name, async () => {
      const issues = await issuesOf(name, text)
      assert.equal(issues.length, 1)
      const { file, message: got, fix } = issues[0]!
      assert.equal(path.basename(file), place)
      assert.match(got, message)
      assert.equal(/\^$/.test(fix), caret, fix)
    })
  }
})
