/** Mistakes of a config, as people read them. */
import type { Issue } from '../../core/issues.ts'
import type { Output } from './terminal.ts'

/** All of them, file by file: the key, what is wrong, what to write instead. */
export function showIssues(issues: readonly Issue[], { line, paint }: Output): void {
  for (const [file, own] of Map.groupBy(issues, (issue) => issue.file)) {
    line(`${paint('red', own.length === 1 ? '1 mistake' : `${own.length} mistakes`)} in ${paint('bold', file)}`)
    for (const { key, message, fix } of own) {
      line(`  ${key === '' ? '' : `${paint('cyan', key)}: `}${message}`)
      line(`    ${paint('dim', fix)}`)
    }
  }
}
