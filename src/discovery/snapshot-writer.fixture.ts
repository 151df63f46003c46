/** A process that writes the same snapshot again and again: `folder letter length times`. What it logs goes to its standard output. */
import { createLogger } from '../core/log.ts'
import { SnapshotFolder } from './snapshot-folder.ts'

const [folder, letter, length, times] = process.argv.slice(2) as [string, string, string, string]
const log = createLogger({}, 'warn', process.stdout)
const mine = new SnapshotFolder({ folder, log })
for (let i = 0; i < Number(times); i++) {
  mine.save('a', letter.repeat(Number(length) + i))
  await mine.flush()
}
