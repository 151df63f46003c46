/**
 * Style as a test: `node scripts/tidy.ts` prints `file:line: message` for each fault and exits with 1 if there is one.
 * `--stats` prints the lengths of functions and files. Line width and layout are biome's.
 */
import { fileURLToPath } from 'node:url'
import { type Finding, type Repository, type Rule, readRepository } from './tidy/repository.ts'
import { cycles, deadFiles } from './tidy/rule/graph.ts'
import { ciPackages, lockFile } from './tidy/rule/install.ts'
import { layers } from './tidy/rule/layers.ts'
import { fileLength, functionLength, linesOf, measured } from './tidy/rule/length.ts'
import { errorTable, layersInWords, leftovers, namedFiles, untested } from './tidy/rule/pages.ts'
import { purity } from './tidy/rule/purity.ts'
import { functionsOf } from './tidy/source.ts'

/** A new rule is one function, one line here, and one bad sample in tidy.test.ts. */
export const RULES: Readonly<Record<string, Rule>> = {
  layers,
  cycles,
  purity,
  'function-length': functionLength,
  'file-length': fileLength,
  leftovers,
  'named-files': namedFiles,
  'dead-files': deadFiles,
  'error-table': errorTable,
  'layers-in-words': layersInWords,
  'lock-file': lockFile,
  'ci-packages': ciPackages,
}

export function tidy(repository: Repository): Finding[] {
  return Object.entries(RULES).flatMap(([name, rule]) =>
    rule(repository).map((finding) => ({ ...finding, message: `${finding.message} [${name}]` })),
  )
}

function statistics(repository: Repository): string {
  const sources = measured(repository).filter((file) => file.path.startsWith('src/'))
  const lines = repository.sources
    .filter((file) => !sources.includes(file))
    .reduce((sum, file) => sum + linesOf(file), 0)
  const fileLines = sources.map(linesOf)
  return [
    `functions with a body: ${spread(sources.flatMap((file) => functionsOf(file).map((body) => body.lines)))}`,
    `files of src/: ${spread(fileLines)}`,
    `lines: ${fileLines.reduce((sum, count) => sum + count, 0)} in src/, ${lines} in tests, scripts and examples`,
    `folders of src/ without a test beside: ${untested(repository).join(', ') || 'none'}`,
  ].join('\n')
}

/** `12 (median 5, p90 20, longest 31)` */
function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return `${sorted.length} (median ${at(0.5)}, p90 ${at(0.9)}, longest ${at(1)} lines)`
}

function main(): void {
  const repository = readRepository(fileURLToPath(new URL('..', import.meta.url)))
  if (process.argv.includes('--stats')) console.log(statistics(repository))
  const findings = tidy(repository)
  for (const { file, line, message } of findings) console.error(`${file}:${line}: ${message}`)
  process.exitCode = findings.length > 0 ? 1 : 0
}

if (import.meta.main) main()
