/** `npm ci` must work for whoever clones the repository. */
import { missingFromLock } from '../../complete-lock.ts'
import type { Finding, Repository } from '../repository.ts'

export function lockFile(repository: Repository): Finding[] {
  return [...missingFromLock(repository.lock).keys()].map((key) => ({
    file: 'package-lock.json',
    line: 1,
    message: `${key} is missing, so npm ci fails: run node scripts/complete-lock.ts`,
  }))
}
