/** Opens the database, writes six keys one after the other, prints what became of each and what a reader then sees. */
import { SqliteStorage } from './sqlite.ts'
import { LoggingView, put } from './write-kit.fixture.ts'

const storage = new SqliteStorage({ file: process.argv[2]! })
const view = new LoggingView()
await storage.open(view)
const outcomes: string[] = []
for (let i = 0; i < 6; i++) {
  await storage
    .write(() => [put(`k${i}`)])
    .then(
      () => outcomes.push('ok'),
      (error: Error) => outcomes.push(/: the disk [a-z ]+/.exec(error.message)?.[0] ?? error.message),
    )
}
console.log(JSON.stringify({ loaded: view.loaded.map(({ key }) => key), outcomes, applied: view.applied.length }))
await storage.close()
