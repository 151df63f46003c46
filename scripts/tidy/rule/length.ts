/** Small functions, small files. Tests are free: a story may be long. */
import { type Finding, isTest, type Repository } from '../repository.ts'
import { functionsOf, type SourceFile } from '../source.ts'

export const FUNCTION_LINES = 70
export const FILE_LINES = 400

/** The first that matches holds. */
const FILE_LIMITS: readonly (readonly [RegExp, number, string])[] = [
  [/^src\/balance\/policy\/[^/]+\.ts$/, 60, 'a policy'],
  [/\/contract\.ts$/, 110, 'a contract'],
  [/\/pipeline\.ts$/, 70, 'a pipeline'],
  [/./, FILE_LINES, 'a source file'],
]

export function fileLength(repository: Repository): Finding[] {
  return measured(repository).flatMap((file) => {
    const lines = linesOf(file)
    const [, limit, what] = FILE_LIMITS.find(([pattern]) => pattern.test(file.path))!
    if (lines <= limit) return []
    return [{ file: file.path, line: limit + 1, message: `${lines} lines; ${what} has at most ${limit}` }]
  })
}

/** A longer function needs its reason in the comment above it: `// long: …`. */
export function functionLength(repository: Repository): Finding[] {
  return measured(repository).flatMap((file) =>
    functionsOf(file)
      .filter(({ line, lines }) => lines > FUNCTION_LINES && !hasReason(file, line))
      .map(({ line, lines }) => ({
        file: file.path,
        line,
        message: `a function of ${lines} lines; at most ${FUNCTION_LINES}, or say why above it: "// long: …"`,
      })),
  )
}

function hasReason(file: SourceFile, line: number): boolean {
  const lines = file.text.split('\n')
  for (let above = line - 2; /^\s*(?:\/\/|\/?\*)/.test(lines[above] ?? ''); above--) {
    if (/^\s*\/\/ long: \S/.test(lines[above]!)) return true
  }
  return false
}

export function linesOf(file: SourceFile): number {
  return file.text.split('\n').length - 1
}

/** What the limits are for: the sources, tests excluded. */
export function measured(repository: Repository): readonly SourceFile[] {
  return repository.sources.filter((file) => !isTest(file.path))
}
