import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeFolder } from './make-folder.ts'

const SKEIN = fileURLToPath(new URL('../../bin/skein.js', import.meta.url))

describe('a folder', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-folder-'))
  after(() => rmSync(dir, { recursive: true }))

  test('is made with those above it; one that is there is left alone', () => {
    makeFolder(path.join(dir, 'a/b/c'))
    makeFolder(path.join(dir, 'a/b/c'))
    assert.ok(existsSync(path.join(dir, 'a/b/c')))
  })

  test('is refused where a file is, or above it', () => {
    const file = path.join(dir, 'file')
    writeFileSync(file, '')
    assert.throws(() => makeFolder(file), { name: 'Failure', message: /^the folder .*file cannot be made: EEXIST/ })
    assert.throws(() => makeFolder(path.join(file, 'x')), {
      name: 'Failure',
      message: /file\/x cannot be made: ENOTDIR/,
    })
  })

  const skip = process.platform === 'linux' ? false : 'there is no /proc'
  for (const command of [
    ['registry', '--port', '0', '--data'],
    ['consul', 'agent', '-http-port=0', '-data-dir'],
    ['init'],
  ]) {
    test(`skein ${command[0]} says at once that none can be made under /proc`, { skip }, () => {
      const run = () =>
        execFileSync(process.execPath, [SKEIN, ...command, '/proc/x'], {
          timeout: 10_000,
          killSignal: 'SIGKILL',
          stdio: 'pipe',
        })
      assert.throws(run, (error) => {
        const { status, stderr } = error as { status: number; stderr: Buffer }
        assert.equal(status, 1)
        assert.match(String(stderr), /the folder \/proc\/x cannot be made: ENOENT.*\nChoose another place/)
        return true
      })
    })
  }
})
