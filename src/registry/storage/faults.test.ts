/** The disk fails under SQLite: strace makes system calls of a real process fail. Skipped where it is not allowed to. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'skein-faults-'))
after(() => rmSync(folder, { recursive: true }))
const fixture = new URL('./outcomes.fixture.ts', import.meta.url).pathname
const skip = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0 ? false : 'strace cannot run here'

function run(file: string, ...inject: string[]): { loaded: string[]; outcomes: string[]; applied: number } {
  const program = [process.execPath, fixture, join(folder, file)]
  const options = inject.flatMap((what) => ['-e', `inject=${what}`])
  const traced = [
    'strace',
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    'trace=fsync,fdatasync,pwrite64',
    ...options,
    ...program,
  ]
  const [command, ...args] = inject.length === 0 ? program : traced
  return JSON.parse(spawnSync(command!, args, { encoding: 'utf8' }).stdout)
}

test('a failed flush is final: from then on nothing is acknowledged, and nothing shows', { skip }, () => {
  const failing = ['fsync', 'fdatasync'].map((call) => `${call}:error=EIO:when=15+`) // opening a new file flushes ten times
  const { outcomes, applied } = run('eio.db', ...failing)
  const acknowledged = outcomes.filter((outcome) => outcome === 'ok').length
  assert.ok(acknowledged > 0 && acknowledged < 6, outcomes.join())
  assert.deepEqual(outcomes.slice(acknowledged), Array(6 - acknowledged).fill(': the disk failed'))
  assert.equal(applied, acknowledged)
  const { loaded } = run('eio.db')
  for (let i = 0; i < acknowledged; i++) assert.ok(loaded.includes(`k${i}`))
})

test('a disk that is full for a while: those writes fail, the others are kept', { skip }, () => {
  assert.deepEqual(run('full.db').outcomes, Array(6).fill('ok'))
  const { outcomes, applied } = run('full.db', 'pwrite64:error=ENOSPC:when=4..6')
  assert.ok(outcomes.includes(': the disk is full'), outcomes.join())
  assert.equal(outcomes.at(-1), 'ok')
  assert.equal(applied, outcomes.filter((outcome) => outcome === 'ok').length)
})
