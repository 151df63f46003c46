/** Writes k<n>, k<n+1> … in bursts for as long as it lives and prints each key once it is acknowledged. */
import { writeSync } from 'node:fs'
import { SqliteStorage } from './sqlite.ts'
import { LoggingView, put } from './write-kit.fixture.ts'

const [, , file, start] = process.argv
const storage = new SqliteStorage({ file: file! })
await storage.open(new LoggingView())
for (let next = Number(start); ; ) {
  const burst = Array.from({ length: 1 + (next % 7) }, () => next++)
  await Promise.all(
    burst.map(async (n) => {
      await storage.write(() => [put(`k${n}`)])
      writeSync(1, `k${n}\n`)
    }),
  )
}
