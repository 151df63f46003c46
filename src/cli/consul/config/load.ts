/** Reads the configuration of an agent: files and folders in the order of the command line, the later before the earlier. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { ConfigError, IssueList } from '../../../core/issues.ts'
import { RulesError } from '../../../registry/acl/hcl.ts'
import { checkFields, type Fields, isObject } from './check.ts'
import { type Definition, type Definitions, definitionsOf } from './definitions.ts'
import { fieldsOfHcl } from './hcl.ts'
import { type WatchDefinition, watchesOf } from './watches.ts'

export interface Source {
  /** A file or folder; or, with `text`, what the text is called in messages. */
  readonly name: string
  readonly text?: string
  /** `json` or `hcl`, for files whose name does not say. */
  readonly format?: string | undefined
}

export interface LoadedConfig extends Definitions {
  /** All files in one, without services, checks and watches. */
  readonly fields: Fields
  readonly watches: readonly WatchDefinition[]
  /** Each with the name of its file. */
  readonly warnings: readonly string[]
}

/** @throws ConfigError with every mistake of every file. */
export function loadConfig(sources: readonly Source[], cwd: string): LoadedConfig {
  const issues: IssueList[] = []
  const warnings: string[] = []
  const services: Definition[] = []
  const checks: Definition[] = []
  const watches: WatchDefinition[] = []
  let fields: Fields = {}
  for (const source of sources.flatMap((one) => expand(one, cwd, issues))) {
    const list = new IssueList(source.name)
    issues.push(list)
    const found = parse(source, cwd, list)
    const own: string[] = [...checkFields(found, list)]
    const definitions = definitionsOf(found, source.name, own)
    for (const { place, id } of [...definitions.services, ...definitions.checks]) {
      if (id === '') list.add(place, 'it has no name', 'Give it a "name".')
    }
    services.push(...definitions.services)
    checks.push(...definitions.checks)
    watches.push(...watchesOf(found, source.name, list, own))
    warnings.push(...own.map((text) => `${source.name}: ${text}`))
    fields = merge(fields, found)
  }
  const all = issues.flatMap((list) => list.issues)
  if (all.length > 0) throw new ConfigError(all)
  return { fields, warnings, services, checks, watches }
}

/** A folder stands for its .json and .hcl files in alphabetical order; folders in it do not count. */
function expand(source: Source, cwd: string, issues: IssueList[]): Source[] {
  if (source.text !== undefined) return [source]
  const place = path.resolve(cwd, source.name)
  const stat = statSync(place, { throwIfNoEntry: false })
  if (stat === undefined) {
    const list = new IssueList(source.name)
    list.add('', 'there is no such file or folder', `It was looked for at ${place}.`)
    issues.push(list)
    return []
  }
  if (!stat.isDirectory()) return [source]
  const names = readdirSync(place, { withFileTypes: true })
    .filter((one) => !one.isDirectory())
    .map(({ name }) => name)
  const wanted = names.filter((name) => /\.(?:json|hcl)$/.test(name) || source.format !== undefined).sort()
  return wanted.map((name) => ({ name: path.join(source.name, name), format: source.format }))
}

/** HCL is a superset of JSON: what begins with a brace is read as JSON, whatever the file is called. */
function parse({ name, text, format }: Source, cwd: string, issues: IssueList): Fields {
  const content = (text ?? readFileSync(path.resolve(cwd, name), 'utf8')).replace(/^\uFEFF/, '')
  const isJson = (format ?? path.extname(name).slice(1)) === 'json' || content.trimStart().startsWith('{')
  if (content.trim() === '') return {}
  try {
    if (!isJson) return fieldsOfHcl(content)
    const value: unknown = JSON.parse(content)
    if (isObject(value)) return value
    issues.add('', 'it holds no object', 'Write {"services": […]}.')
  } catch (error) {
    if (error instanceof RulesError) issues.add('', `this is no HCL: ${error.reason}`, 'Mend it at that place.')
    else issues.add('', `this is no JSON: ${error instanceof Error ? error.message : error}`, 'Mend it at that place.')
  }
  return {}
}

const DEFINITIONS = ['service', 'services', 'check', 'checks', 'watches']

/** Objects are merged, all else is replaced. Services, checks and watches are collected apart. */
function merge(earlier: Fields, later: Fields): Fields {
  const result: Record<string, unknown> = { ...earlier }
  for (const [key, value] of Object.entries(later)) {
    if (DEFINITIONS.includes(key)) continue
    const before = result[key]
    result[key] = isObject(before) && isObject(value) ? merge(before, value) : value
  }
  return result
}
