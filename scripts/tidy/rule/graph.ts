/** The graph of imports: no cycles, no file that nothing reaches. */
import { type Finding, isTest, type Repository } from '../repository.ts'
import { importsOf, resolveImport, type SourceFile } from '../source.ts'

/** One finding a cycle, at the import that closes it. Type imports count too: what needs each other belongs together. */
export function cycles(repository: Repository): Finding[] {
  const files = new Map(repository.sources.map((file) => [file.path, file]))
  const findings: Finding[] = []
  const done = new Set<string>()
  const visit = (file: SourceFile, path: readonly string[]) => {
    for (const { specifier, line } of importsOf(file)) {
      const next = files.get(resolveImport(file.path, specifier) ?? '')
      if (next === undefined) continue
      const back = path.indexOf(next.path)
      if (back !== -1) {
        const message = `a cycle of imports: ${[...path.slice(back), next.path].join(' → ')}`
        findings.push({ file: file.path, line, message })
      } else if (!done.has(next.path)) visit(next, [...path, next.path])
    }
    done.add(file.path)
  }
  for (const file of files.values()) if (!done.has(file.path)) visit(file, [file.path])
  return findings
}

/** What a file names in quotes, not only what it imports: `new URL('./child.ts', import.meta.url)` starts one too. */
const NAMED_FILE = /['"](\.{1,2}\/[^'"\s]+\.[cm]?[jt]s)['"]/g
/** The same with its own extension, which the build changes. */
const NAMED_WITH_EXTENSION = /new URL\(`(\.{1,2}\/[\w./-]+)\$\{\w+\}`/g

/** Files of src/ that can be reached neither from package.json's exports nor from bin/. */
export function deadFiles(repository: Repository): Finding[] {
  const files = new Map(repository.sources.map((file) => [file.path, file]))
  const reached = new Set<string>()
  const reach = (path: string) => {
    const file = files.get(path)
    if (file === undefined || reached.has(path)) return
    reached.add(path)
    for (const match of file.uncommented.matchAll(NAMED_FILE)) reach(resolveImport(path, match[1]!)!)
    for (const match of file.text.matchAll(NAMED_WITH_EXTENSION)) reach(resolveImport(path, `${match[1]}.ts`)!)
  }
  for (const entry of Object.values(repository.manifest.exports)) reach(entry.replace(/^\.\//, ''))
  for (const path of files.keys()) if (path.startsWith('bin/')) reach(path)
  return [...files.keys()]
    .filter((path) => path.startsWith('src/') && !isTest(path) && !reached.has(path))
    .map((file) => ({
      file,
      line: 1,
      message: 'nothing reaches this file: neither an export of package.json nor bin/',
    }))
}
