import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { eventually } from '../../../test/support/up.ts'
import { systemClock } from '../../core/clock.ts'
import { createLogger, silentLogger } from '../../core/log.ts'
import { watchFile } from './watch-file.ts'

test('a file that is written, or renamed into its place, is told; others are not', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'skein-watch-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const file = path.join(dir, 'config.ts')
  let saved = 0
  const end = watchFile(file, systemClock, silentLogger, () => saved++)
  t.after(end)
  writeFileSync(path.join(dir, 'other.ts'), '')
  writeFileSync(file, '1')
  await eventually('the first', async () => saved === 1)
  writeFileSync(path.join(dir, 'draft'), '2')
  renameSync(path.join(dir, 'draft'), file)
  await eventually('the second', async () => saved === 2)
})

test('where no watch is to be had the log says so, and all else goes on', () => {
  const logged: string[] = []
  const log = createLogger({}, 'info', { write: (line) => logged.push(line) })
  const end = watchFile('/no/such/folder/config.ts', systemClock, log, assert.fail)
  end()
  assert.equal(logged.length, 1)
  assert.match(logged[0]!, /"level":"warn".*ENOENT.*changes of config\.ts are not noticed until a restart/)
})
