import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testStorage } from './storage.suite.ts'
import { createStorage } from './storages.ts'

testStorage('memory', () => ({
  open: () => createStorage('memory'),
  reopen: undefined,
  cleanUp() {},
}))

testStorage('sqlite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-registry-'))
  const open = () => createStorage({ sqlite: join(folder, 'registry.db') })
  return { open, reopen: open, cleanUp: () => rmSync(folder, { recursive: true }) }
})
