/** The code in the pages is compiled, the JSON parsed, and the commands exist: prose that nobody runs goes stale. */
import assert from 'node:assert/strict'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { DECISIONS } from '../../src/core/decisions.ts'
import { SETTINGS } from '../../src/core/settings.ts'
import { ROOT, run, scratch } from '../support/up.ts'

interface Block {
  /** `README.md:42`, the line of its first line. */
  readonly place: string
  readonly language: string
  readonly text: string
}

const pages = globSync(['*.md', 'docs/**/*.md', 'examples/*/*.md'], { cwd: ROOT })
const blocks = pages.flatMap((page) => blocksOf(page, readFileSync(path.join(ROOT, page), 'utf8')))

function blocksOf(page: string, text: string): Block[] {
  return [...text.matchAll(/^```(\w*)[^\n]*\n([\s\S]*?)^```$/gm)].map((match) => ({
    place: `${page}:${text.slice(0, match.index).split('\n').length + 1}`,
    language: match[1]!,
    text: match[2]!,
  }))
}

/** Where a block goes: the file that its first line names (`// users/service.ts`), else a folder beside those. */
function fileFor({ text }: Block, index: number): string {
  return /^\/\/ ([\w./-]+\.ts)\n/.exec(text)?.[1] ?? `block/${index}.ts`
}

/** As GitHub makes it of a heading. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}

describe('the pages', () => {
  const { dir, remove } = scratch('docs')
  after(remove)

  test('each TypeScript block compiles', { timeout: 60_000 }, async () => {
    const typed = blocks.filter(({ language }) => language === 'ts')
    assert.ok(typed.length > 0, 'no block found')
    const places = new Map<string, string>()
    for (const [index, block] of typed.entries()) {
      const file = path.join(block.place.replace(/[:/]/g, '_').replace(/_\d+$/, ''), fileFor(block, index))
      mkdirSync(path.join(dir, path.dirname(file)), { recursive: true })
      // One module each, though a block may have neither import nor export.
      writeFileSync(path.join(dir, file), `${block.text}\nexport {}\n`)
      places.set(file, block.place)
    }
    const tsconfig = { extends: path.join(ROOT, 'tsconfig.json'), include: ['**/*.ts'], exclude: [] }
    writeFileSync(path.join(dir, 'tsconfig.json'), JSON.stringify(tsconfig))
    const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc')
    const { stdout } = await run(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], dir)
    const complaints = stdout.split('\n').filter((line) => places.has(line.split('(')[0]!))
    assert.deepEqual(
      complaints.map((line) => `${places.get(line.split('(')[0]!)}: ${line}`),
      [],
    )
  })

  test('the page on tracing names each decision', () => {
    const page = readFileSync(path.join(ROOT, 'docs/tracing.md'), 'utf8')
    for (const word of Object.keys(DECISIONS)) assert.ok(page.includes(`\`skein.${word}\``), word)
  })

  test('the page on services names each variable of the environment that is not told elsewhere', () => {
    const page = readFileSync(path.join(ROOT, 'docs/services.md'), 'utf8')
    const elsewhere = /_ETCD_|_FLEET$/
    for (const name of Object.values(SETTINGS)) assert.ok(elsewhere.test(name) || page.includes(`\`${name}\``), name)
  })

  test('each link inside the repository leads to a file, and to a heading of it', () => {
    for (const page of pages) {
      const text = readFileSync(path.join(ROOT, page), 'utf8').replaceAll(/^```[\s\S]*?^```$/gm, '')
      for (const [, target, heading] of text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)) {
        const file = target === '' ? page : path.join(path.dirname(page), target!)
        assert.ok(existsSync(path.join(ROOT, file)), `${page}: there is no ${file}`)
        if (heading === undefined) continue
        const headings = [...readFileSync(path.join(ROOT, file), 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
          anchor(title!),
        )
        assert.ok(headings.includes(heading), `${page}: ${file} has no heading #${heading}`)
      }
    }
  })

  test('each JSON block parses', () => {
    for (const { place, language, text } of blocks) {
      if (language === 'json') assert.doesNotThrow(() => JSON.parse(text), place)
    }
  })

  test('each command in a shell block exists: of skein, and the scripts of npm', () => {
    const scripts = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).scripts as Record<string, string>
    for (const { place, language, text } of blocks) {
      if (language !== 'sh') continue
      for (const [, name] of text.matchAll(/\bnpx skein (?!-)([a-z]+)/g)) {
        assert.ok(existsSync(path.join(ROOT, `src/cli/command/${name}.ts`)), `${place}: there is no skein ${name}`)
      }
      for (const [, name] of text.matchAll(/\bnpm (?:run )?(start|test|[a-z]+:[a-z]+)\b/g)) {
        assert.ok(name! in scripts, `${place}: there is no npm script ${name}`)
      }
    }
  })
})
