/** The promises that the compiler keeps: each file in types/bad has one mistake, marked above it with the error it must give. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BAD = 'test/types/bad'
const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc')

interface Diagnostic {
  /** `file:line TS2339` */
  readonly place: string
  readonly text: string
}

/** `// TS2339: …` stands in the line above the mistake. */
function expected(): Diagnostic[] {
  return readdirSync(path.join(ROOT, BAD))
    .sort()
    .flatMap((file) => {
      const lines = readFileSync(path.join(ROOT, BAD, file), 'utf8').split('\n')
      return lines.flatMap((line, i) => {
        const mark = /\/\/ (TS\d+): (.*)$/.exec(line)
        return mark === null ? [] : [{ place: `${BAD}/${file}:${i + 2} ${mark[1]}`, text: mark[2]! }]
      })
    })
}

function compile(): Promise<Diagnostic[]> {
  const args = [TSC, '-p', 'test/types/tsconfig.json', '--pretty', 'false']
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: ROOT }, (_error, stdout) => {
      const found = stdout.matchAll(/^(\S+?)\((\d+),\d+\): error (TS\d+): (.*)$/gm)
      resolve([...found].map(([, file, line, code, text]) => ({ place: `${file}:${line} ${code}`, text: text! })))
    })
  })
}

test('each mistake in types/bad gives its error, and nothing else does', async () => {
  const wanted = expected()
  const found = (await compile()).sort((a, b) => (a.place < b.place ? -1 : 1))
  assert.equal(wanted.length, readdirSync(path.join(ROOT, BAD)).length, 'one mark a file')
  assert.deepEqual(
    found.map(({ place }) => place),
    wanted.map(({ place }) => place),
  )
  for (const [i, { text }] of wanted.entries()) assert.ok(found[i]!.text.includes(text), `${found[i]!.text}\n≠ ${text}`)
})
