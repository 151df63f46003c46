/** What the rules look at: the repository's files in memory, so that a test can hand them a small bad one. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Lock } from '../complete-lock.ts'
import { type SourceFile, sourceFile } from './source.ts'

export interface Repository {
  /** TypeScript and JavaScript under src, scripts, test, examples, bench and bin. */
  readonly sources: readonly SourceFile[]
  /** Markdown: path → text. */
  readonly pages: ReadonlyMap<string, string>
  /** The root's package.json. */
  readonly manifest: Manifest
  /** package-lock.json. */
  readonly lock: Lock
  /** .ci/run. */
  readonly ci: string
  exists(path: string): boolean
}

export interface Manifest {
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

export interface Finding {
  readonly file: string
  readonly line: number
  readonly message: string
}

export type Rule = (repository: Repository) => Finding[]

const FOLDERS = ['src', 'scripts', 'test', 'examples', 'bench', 'bin', 'docs']
const IGNORED = new Set(['node_modules', 'dist', '.skein', '.tmp', 'results'])

export function readRepository(root: string): Repository {
  const paths = readdirSync(root).filter((name) => name.endsWith('.md'))
  for (const folder of FOLDERS) if (existsSync(join(root, folder))) walk(root, folder, paths)
  const read = (path: string) => readFileSync(join(root, path), 'utf8')
  return {
    sources: paths.filter((path) => /\.[cm]?[jt]s$/.test(path)).map((path) => sourceFile(path, read(path))),
    pages: new Map(paths.filter((path) => path.endsWith('.md')).map((path) => [path, read(path)])),
    manifest: JSON.parse(read('package.json')) as Manifest,
    lock: JSON.parse(read('package-lock.json')) as Lock,
    ci: read('.ci/run'),
    exists: (path) => existsSync(join(root, path)),
  }
}

function walk(root: string, folder: string, into: string[]): void {
  for (const name of readdirSync(join(root, folder)).sort()) {
    if (IGNORED.has(name)) continue
    const path = `${folder}/${name}`
    if (statSync(join(root, path)).isDirectory()) walk(root, path, into)
    else into.push(path)
  }
}

/** A test or a suite shared by tests: read by the test runner only. */
export function isTest(path: string): boolean {
  return /\.(?:test|suite|fixture)\.[cm]?[jt]s$/.test(path) || path.startsWith('test/')
}
