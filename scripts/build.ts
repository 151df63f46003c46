/**
 * Makes dist/, the package as it is published: JavaScript and declarations from src/, the executable, and a package.json of
 * its own. `npm pack ./dist` packs it. The root's package.json names the TypeScript sources, because the repository runs without a build,
 * and Node strips no types from files inside node_modules.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** What a user needs to know about a package; not scripts, development dependencies, `private`. */
const PUBLISHED_FIELDS = ['name', 'version', 'description', 'license', 'type', 'engines', 'dependencies']

type Json = Record<string, unknown>

/** Builds into `dist`. @throws Error with the compiler's messages when the sources do not compile. */
export function build(dist: string): void {
  rmSync(dist, { recursive: true, force: true })
  compile(dist)
  mkdirSync(path.join(dist, 'bin'), { recursive: true })
  cpSync(path.join(ROOT, 'bin/skein.js'), path.join(dist, 'bin/skein.js'))
  chmodSync(path.join(dist, 'bin/skein.js'), 0o755)
  for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md']) cpSync(path.join(ROOT, file), path.join(dist, file))
  const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as Json
  writeFileSync(path.join(dist, 'package.json'), `${JSON.stringify(publishedManifest(manifest), null, 2)}\n`)
}

function compile(dist: string): void {
  const tsc = createRequire(import.meta.url).resolve('typescript/package.json')
  const program = path.join(path.dirname(tsc), 'bin/tsc')
  const args = [program, '-p', path.join(ROOT, 'tsconfig.build.json'), '--outDir', dist, '--inlineSources']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' })
  if (status !== 0) throw new Error(`tsc failed:\n${stdout}${stderr}`)
}

/** The package.json to publish: sources replaced by what became of them. */
export function publishedManifest(manifest: Json): Json {
  const exports = Object.entries(manifest['exports'] as Record<string, string>)
  return {
    ...Object.fromEntries(PUBLISHED_FIELDS.map((field) => [field, manifest[field]])),
    bin: { skein: './bin/skein.js' },
    exports: Object.fromEntries(exports.map(([name, source]) => [name, publishedEntry(source)])),
  }
}

/** `./src/client/index.ts` → `{types: './client/index.d.ts', default: './client/index.js'}`; other files stay. */
function publishedEntry(source: string): string | { types: string; default: string } {
  const module = /^\.\/src\/(.*)\.ts$/.exec(source)?.[1]
  return module === undefined ? source : { types: `./${module}.d.ts`, default: `./${module}.js` }
}

if (import.meta.main) build(path.join(ROOT, 'dist'))
