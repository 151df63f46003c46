// biome-ignore-all lint/suspicious/noTemplateCurlyInString: samples of code
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { completed } from './complete-lock.ts'
import { ERRORS_PAGE, errorsPage } from './errors-page.ts'
import type { Finding, Repository } from './tidy/repository.ts'
import { FILE_LINES, FUNCTION_LINES } from './tidy/rule/length.ts'
import { functionsOf, importsOf, sourceFile } from './tidy/source.ts'
import { RULES } from './tidy.ts'

/** A repository in memory: path → text; what ends in .md is a page. */
function repository(files: Record<string, string>): Repository {
  const entries = Object.entries(files)
  const folders = entries.flatMap(([path]) => path.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/')))
  return {
    sources: entries.filter(([path]) => path.endsWith('.ts')).map(([path, text]) => sourceFile(path, text)),
    pages: new Map(entries.filter(([path]) => path.endsWith('.md'))),
    manifest: { exports: { '.': './src/index.ts' }, dependencies: { pino: '1' } },
    lock: JSON.parse(files['package-lock.json'] ?? '{ "packages": {} }'),
    ci: files['.ci/run'] ?? '',
    exists: (path) => folders.includes(path.replace(/\/$/, '')),
  }
}

const lines = (count: number) => '//\n'.repeat(count)
const longFunction = `function f(): void {\n${lines(FUNCTION_LINES)}}\n`
const unfinished = ['TO', 'DO'].join('')

const INCOMPLETE_LOCK = {
  packages: { '': {}, 'node_modules/a': { optionalDependencies: { 'a-linux-x64-musl': '1.0.0' } } },
}

/** Rule → samples that it must find (at this place) and samples that it must let pass. */
const CANARIES: Record<string, { bad: [Record<string, string>, string][]; good: Record<string, string>[] }> = {
  layers: {
    bad: [
      [{ 'src/core/x.ts': "import { y } from '../wire/y.ts'", 'src/wire/y.ts': '' }, 'src/core/x.ts:1'],
      [{ 'src/fleet/x.ts': "\nimport type { Y } from '../client/y.ts'", 'src/client/y.ts': '' }, 'src/fleet/x.ts:2'],
      [{ 'src/gateway/x.ts': "export * from '../registry/y.ts'", 'src/registry/y.ts': '' }, 'src/gateway/x.ts:1'],
      [{ 'src/control/x.ts': "import '../registry/state/y.ts'", 'src/registry/state/y.ts': '' }, 'src/control/x.ts:1'],
      [{ 'src/core/x.ts': "await import('../index.ts')", 'src/index.ts': '' }, 'src/core/x.ts:1'],
      [{ 'src/new/x.ts': "import '../core/y.ts'", 'src/core/y.ts': '' }, 'src/new/x.ts:1'],
      [{ 'src/core/x.ts': "import '../../test/y.ts'", 'test/y.ts': '' }, 'src/core/x.ts:1'],
      [{ 'src/core/x.ts': "import 'left-pad'" }, 'src/core/x.ts:1'],
      [{ 'src/core/x.ts': "import 'fs'" }, 'src/core/x.ts:1'],
      [{ 'src/core/x.ts': "import './gone.ts'" }, 'src/core/x.ts:1'],
      [{ 'examples/a/x.ts': "import '../../src/index.ts'", 'src/index.ts': '' }, 'examples/a/x.ts:1'],
    ],
    good: [
      { 'src/gateway/x.ts': "import { y } from '../client/y.ts'", 'src/client/y.ts': "import { pino } from 'pino'" },
      { 'src/cli/x.ts': "import '../registry/y.ts'", 'src/registry/y.ts': "import 'node:fs'" },
      { 'src/index.ts': "export * from './registry/y.ts'", 'src/registry/y.ts': '' },
      { 'src/core/x.test.ts': "import 'fast-check'\nimport '../../test/y.ts'", 'test/y.ts': '' },
      { 'src/service/x.test.ts': "import '../registry/y.ts'", 'src/registry/y.ts': '' },
      { 'src/core/x.ts': "// import '../wire/y.ts'\nconst text = 'import no.ts'" },
    ],
  },
  cycles: {
    bad: [
      [
        {
          'src/a.ts': "import './b.ts'",
          'src/b.ts': "import type { C } from './c.ts'",
          'src/c.ts': "\nimport './a.ts'",
        },
        'src/c.ts:2',
      ],
    ],
    good: [
      { 'src/a.ts': "import './b.ts'\nimport './c.ts'", 'src/b.ts': "import './d.ts'", 'src/c.ts': "import './d.ts'" },
    ],
  },
  purity: {
    bad: [
      [{ 'src/client/x.ts': '\nconst t = Date.now()' }, 'src/client/x.ts:2'],
      [{ 'src/client/x.ts': 'const text = `at ${new Date()}`' }, 'src/client/x.ts:1'],
      [{ 'src/client/x.ts': 'setTimeout(run, 5)' }, 'src/client/x.ts:1'],
      [{ 'src/client/x.ts': 'const x = Math.random()' }, 'src/client/x.ts:1'],
      [{ 'src/balance/policy/x.ts': "import { readFileSync } from 'node:fs'" }, 'src/balance/policy/x.ts:1'],
      [{ 'src/registry/state/x.ts': 'const id = randomUUID()' }, 'src/registry/state/x.ts:1'],
      [{ 'src/gateway/routes.ts': 'if (process.env.X) {}' }, 'src/gateway/routes.ts:1'],
    ],
    good: [
      { 'src/core/clock.ts': 'Date.now()' },
      { 'src/client/x.ts': "socket.setTimeout(5) // not Date.now()\nconst text = 'Date.now()'" },
      { 'src/client/x.test.ts': 'setTimeout(run, 5)' },
      { 'src/balance/policy/x.ts': "import { createHash } from 'node:crypto'" },
    ],
  },
  'function-length': {
    bad: [
      [{ 'src/x.ts': `\n\n${longFunction}` }, 'src/x.ts:3'],
      [
        { 'src/x.ts': `class C {\n  async #m(a: string): Promise<Map<string, { b: 1 }>> {\n${lines(70)}}\n}` },
        'src/x.ts:2',
      ],
      [{ 'src/x.ts': `const f = async ({ a }: { a: 1 }) => {\n${lines(70)}}` }, 'src/x.ts:1'],
      [{ 'src/x.ts': `function f(): (a: 1) => void {\n${lines(70)}}` }, 'src/x.ts:1'],
    ],
    good: [
      { 'src/x.ts': `// long: a table of forty cases\n${longFunction}` },
      { 'src/x.ts': `// long: one story\n/** Tells it. */\nexport ${longFunction}` },
      { 'src/x.ts': `if (x) {\n${lines(90)}}\nclass A extends B(C) {\n${lines(90)}}\nconst o = {\n${lines(90)}}` },
      { 'src/x.test.ts': longFunction },
    ],
  },
  'file-length': {
    bad: [
      [{ 'src/x.ts': lines(FILE_LINES + 1) }, `src/x.ts:${FILE_LINES + 1}`],
      [{ 'src/balance/policy/x.ts': lines(61) }, 'src/balance/policy/x.ts:61'],
      [{ 'src/x/contract.ts': lines(111) }, 'src/x/contract.ts:111'],
      [{ 'src/x/pipeline.ts': lines(71) }, 'src/x/pipeline.ts:71'],
    ],
    good: [{ 'src/x.ts': lines(FILE_LINES) }, { 'src/x.test.ts': lines(FILE_LINES + 1) }],
  },
  leftovers: {
    bad: [
      [{ 'src/x.ts': `// ${unfinished}: more` }, 'src/x.ts:1'],
      [{ 'docs/x.md': `\n${unfinished}` }, 'docs/x.md:2'],
    ],
    good: [{ 'src/x.ts': '// nothing to do' }],
  },
  'named-files': {
    bad: [
      [{ 'README.md': '\nsee `src/gone.ts`' }, 'README.md:2'],
      [{ 'docs/x.md': '[there](../gone.md)' }, 'docs/x.md:1'],
    ],
    good: [
      {
        'README.md': 'see `src/a.ts`, `src/`, [it](docs/x.md#top), [web](https://example.com)',
        'src/a.ts': '',
        'docs/x.md': '',
      },
    ],
  },
  'dead-files': {
    bad: [
      [{ 'src/index.ts': '', 'src/x.ts': '' }, 'src/x.ts:1'],
      [{ 'src/index.ts': '', 'src/x.ts': '', 'src/x.test.ts': "import './x.ts'" }, 'src/x.ts:1'],
    ],
    good: [
      {
        'src/index.ts': "export { x } from './x.ts'",
        'src/x.ts': "new URL('./y.ts', import.meta.url)",
        'src/y.ts': '',
      },
      { 'src/index.ts': 'new URL(`./y${extension}`, import.meta.url)', 'src/y.ts': '' },
      { 'bin/x.ts': "import('../src/y.ts')", 'src/y.ts': '', 'src/z.suite.ts': '' },
    ],
  },
  'error-table': {
    bad: [[{ [ERRORS_PAGE]: '# Errors\n' }, `${ERRORS_PAGE}:1`]],
    good: [{ [ERRORS_PAGE]: errorsPage() }],
  },
  'lock-file': {
    bad: [[{ 'package-lock.json': JSON.stringify(INCOMPLETE_LOCK) }, 'package-lock.json:1']],
    good: [{ 'package-lock.json': JSON.stringify(completed(INCOMPLETE_LOCK)) }],
  },
  'ci-packages': {
    bad: [
      [
        { 'src/x.test.ts': "\nneedsProgram('dig', 'bind9-dnsutils')", '.ci/run': '\ndebian=(dig)\n' },
        'src/x.test.ts:2',
      ],
      [{ 'src/x.test.ts': "needsPython({ flask: 'python3-flask' })" }, 'src/x.test.ts:1'],
    ],
    good: [{ 'src/x.test.ts': "needsProgram('dig', 'bind9-dnsutils')", '.ci/run': 'debian=(a bind9-dnsutils)' }],
  },
  'layers-in-words': {
    bad: [
      [{ 'ARCHITECTURE.md': 'wire → nothing', 'src/wire/x.ts': '', 'src/core/x.ts': '' }, 'ARCHITECTURE.md:1'],
      [{ 'ARCHITECTURE.md': 'wire → core', 'src/core/x.ts': '' }, 'ARCHITECTURE.md:1'],
      [
        { 'ARCHITECTURE.md': 'discovery → core, wire', 'src/discovery/x.ts': '', 'src/core/x.ts': '' },
        'ARCHITECTURE.md:1',
      ],
    ],
    good: [{ 'ARCHITECTURE.md': 'wire →\ncore', 'src/wire/x.ts': '', 'src/core/x.ts': '' }],
  },
}

describe('each rule finds its bad samples and passes its good ones', () => {
  for (const [name, rule] of Object.entries(RULES)) {
    test(name, () => {
      const canary = CANARIES[name]
      assert.ok(canary !== undefined && canary.bad.length > 0, `${name} needs a bad sample here`)
      for (const [files, place] of canary.bad) {
        const found = rule(repository(files))
        assert.deepEqual(found.map(at), [place], JSON.stringify({ files, found }))
      }
      for (const files of canary.good) assert.deepEqual(rule(repository(files)), [])
    })
  }
})

const at = ({ file, line }: Finding) => `${file}:${line}`

test('functions are found through types, templates, strings, regular expressions and comments', () => {
  const text = [
    'const a = () => { return /[/{]+"/.test(x) }', // 1
    'function b<T extends { c: 1 }>(x: T): x is T & { d: 2 } {', // 2
    '  return `${x ? `{` : "}"} {`',
    '}', // 4
    'class C { get e(): string { return "(" } }', // 5
    'for (const x of y) { if (x) { z() } } // function f() {', // 6
    'type F = (x: number) => Promise<void>', // 7
    'const half = (a + b) / 2; const g = async (): Promise<Map<string, () => void>> => {', // 8
    '  return 1 / 2 // {',
    '}', // 10
  ].join('\n')
  assert.deepEqual(
    functionsOf(sourceFile('x.ts', text)).map(({ line, lines }) => [line, lines]),
    [
      [1, 1],
      [2, 3],
      [5, 1],
      [8, 3],
    ],
  )
})

test('imports of several lines, of types and dynamic ones are found; text that looks like one is not', () => {
  const text = [
    'import {',
    '  a,',
    '  type B,',
    "} from './a.ts'",
    "export type { C } from './c.ts'",
    "const d = await import('./d.ts')",
    'const text = "import(\'./e.ts\')"',
    "/* import './f.ts' */",
    "const source = `\nimport './g.ts'\n`",
  ].join('\n')
  const found = importsOf(sourceFile('x.ts', text))
  assert.deepEqual(
    found.map(({ specifier, line }) => [specifier, line]),
    [
      ['./a.ts', 4],
      ['./c.ts', 5],
      ['./d.ts', 6],
    ],
  )
})
