/** Prose that can be wrong: leftovers in code, file names in pages, the table of errors, the table of layers. */
import { posix } from 'node:path'
import { ERRORS_PAGE, errorsPage } from '../../errors-page.ts'
import { type Finding, isTest, type Repository } from '../repository.ts'
import { lineAt } from '../source.ts'
import { CLIENT_USES, MAY_IMPORT } from './layers.ts'

/** Spelt apart, or this file would find itself. */
const LEFTOVER = new RegExp(
  `\\b(?:${['TO-DO', 'FIX-ME', 'XX-X'].map((word) => word.replace('-', '')).join('|')})\\b`,
  'g',
)

export function leftovers(repository: Repository): Finding[] {
  const texts = [...repository.sources.map(({ path, text }) => [path, text] as const), ...repository.pages]
  return texts.flatMap(([file, text]) =>
    [...text.matchAll(LEFTOVER)].map((match) => ({
      file,
      line: lineAt(text, match.index),
      message: `${match[0]} left over: do it, or write down what is missing where a user looks`,
    })),
  )
}

const IN_BACKTICKS = /`((?:src|scripts|test|examples|docs|bin|bench|dashboard|\.ci)\/[\w./-]+)`/g
const LINK = /\]\((?![a-z]+:|#)([^)\s#]+)(?:#[^)]*)?\)/g

/** Files named in pages, in backticks (from the root) or as links (from the page), exist. */
export function namedFiles(repository: Repository): Finding[] {
  return [...repository.pages].flatMap(([page, text]) => {
    const named = [
      ...[...text.matchAll(IN_BACKTICKS)].map((match) => ({ path: match[1]!, index: match.index })),
      ...[...text.matchAll(LINK)].map((match) => ({
        path: posix.join(posix.dirname(page), match[1]!),
        index: match.index,
      })),
    ]
    return named
      .filter(({ path }) => !repository.exists(path))
      .map(({ path, index }) => ({ file: page, line: lineAt(text, index), message: `${path} does not exist` }))
  })
}

export function errorTable(repository: Repository): Finding[] {
  if (repository.pages.get(ERRORS_PAGE) === errorsPage()) return []
  const message = 'differs from the table in src/core/errors.ts: run node scripts/errors-page.ts'
  return [{ file: ERRORS_PAGE, line: 1, message }]
}

/** ARCHITECTURE.md says `folder → what it may import` for every folder that exists, and nothing that is not so. */
export function layersInWords(repository: Repository): Finding[] {
  const page = 'ARCHITECTURE.md'
  const text = (repository.pages.get(page) ?? '').replace(/\s+/g, ' ')
  return Object.entries(MAY_IMPORT).flatMap(([folder, allowed]) => {
    const isThere = (name: string) => repository.exists(`src/${name}`)
    if (!isThere(folder)) return text.includes(`${folder} → `) ? [{ file: page, line: 1, message: gone(folder) }] : []
    if (allowed === 'all' || allowed.length === 0) return []
    const used = CLIENT_USES.filter(isThere)
    const said = listAfter(`${folder} → `, text).flatMap((name) => (name === 'what it uses' ? used : name))
    const wanted = allowed.filter((name) => !name.includes('/') && isThere(name))
    const isRight = (name: string) => allowed.includes(name) && isThere(name)
    if (wanted.every((name) => said.includes(name)) && said.every(isRight)) return []
    const message = `says "${folder} → ${said.join(', ')}", scripts/tidy/rule/layers.ts says ${wanted.join(', ')}`
    return [{ file: page, line: 1, message }]
  })
}

const gone = (folder: string) => `says what ${folder} may import, but there is no src/${folder}`

function listAfter(start: string, text: string): string[] {
  const at = text.indexOf(start)
  const list = at === -1 ? '' : /^[\w ,]*/.exec(text.slice(at + start.length))![0]
  return list.split(/,| and /).map((name) => name.trim())
}

/** Tests are named after behaviour; this says which sources have none beside them. Not an error, a figure. */
export function untested(repository: Repository): string[] {
  const tests = repository.sources.filter((file) => isTest(file.path)).map((file) => posix.dirname(file.path))
  const folders = new Set(tests)
  return [...new Set(repository.sources.map((file) => posix.dirname(file.path)))].filter(
    (folder) => folder.startsWith('src/') && !folders.has(folder),
  )
}
