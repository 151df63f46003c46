/** What may be wrong with one service of a config. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { type IssueList, nearest } from '../../core/issues.ts'
import { INSTANCES_MAX } from '../../fleet/group.ts'
import { splitCommand } from './command-line.ts'
import { checkPort, checkText, checkWhole, type Fields, isObject, join, refuseUnknownKeys, shown } from './shape.ts'

const KEYS = ['entry', 'command', 'instances', 'weight', 'env', 'cwd', 'health', 'port'] as const
const WEIGHT_MAX = 65_535
/** A DNS label, for a service's name becomes part of host names. */
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
/** Skein's own processes have these names, and Consul's own service. */
const RESERVED = ['registry', 'gateway', 'consul']

/** Adds every mistake of the service `name`; `dir` is the config's folder. */
export function checkService(name: string, value: unknown, dir: string, issues: IssueList): void {
  const key = join('services', name)
  checkName(name, issues, key)
  if (!isObject(value)) {
    issues.add(key, `${shown(value)} is not a service`, "Write { entry: './service.ts' } or { command: '…' }.")
    return
  }
  refuseUnknownKeys(value, KEYS, issues, key)
  checkProgram(value, dir, issues, key)
  checkCounts(value, issues, key)
  checkEnv(value['env'], issues, `${key}.env`)
  checkCwd(value['cwd'], dir, issues, `${key}.cwd`)
  checkHealth(value['health'], issues, `${key}.health`)
}

function checkName(name: string, issues: IssueList, key: string): void {
  if (RESERVED.includes(name)) {
    issues.add(key, `${name} is the name of a part of Skein`, 'Choose another name.')
  } else if (!NAME.test(name)) {
    issues.add(key, `${name} cannot be a host name`, 'Use small letters, digits and hyphens, 63 at most.')
  }
}

/** Exactly one of entry and command, and it can be run. */
function checkProgram(value: Fields, dir: string, issues: IssueList, key: string): void {
  const { entry, command } = value
  if (entry !== undefined && command !== undefined) {
    issues.add(key, 'has both entry and command', 'Keep the one that is to be run.')
  } else if (entry === undefined && command === undefined) {
    issues.add(key, 'says nothing to run', "Give entry: './service.ts' or command: '…'.")
  }
  if (checkText(entry, issues, `${key}.entry`, './service.ts') && entry !== undefined) {
    checkEntry(entry, dir, issues, `${key}.entry`)
  }
  if (command !== undefined) checkCommand(command, issues, `${key}.command`)
}

function checkEntry(entry: string, dir: string, issues: IssueList, key: string): void {
  const file = path.resolve(dir, entry)
  if (existsSync(file) && statSync(file).isFile()) return
  const folder = path.dirname(file)
  const near = existsSync(folder) ? nearest(path.basename(file), readdirSync(folder)) : undefined
  const fix =
    near === undefined ? `It is looked for at ${file}.` : `Did you mean ${path.posix.join(path.dirname(entry), near)}?`
  issues.add(key, `there is no file ${entry}`, fix)
}

function checkCommand(command: unknown, issues: IssueList, key: string): void {
  if (Array.isArray(command)) {
    const fits = command.length > 0 && command.every((word) => typeof word === 'string') && command[0] !== ''
    if (!fits) issues.add(key, 'is not a list of texts', "Write ['node', 'app.js'].")
  } else if (checkText(command, issues, key, 'node app.js')) {
    try {
      splitCommand(command as string)
    } catch (error) {
      issues.add(key, (error as RangeError).message, "Write ['sh', '-c', '…'] where a shell is wanted.")
    }
  }
}

function checkCounts(value: Fields, issues: IssueList, key: string): void {
  const { instances, weight, port } = value
  const counted = checkWhole(instances, 0, INSTANCES_MAX, issues, `${key}.instances`)
  const count = counted ? (instances ?? 1) : undefined
  checkWeight(weight, count as number | undefined, issues, `${key}.weight`)
  if (checkPort(port, issues, `${key}.port`) && port !== undefined && Number(count) > 1) {
    issues.add(`${key}.port`, `${count} instances cannot share port ${port}`, 'Leave port out: each gets a free one.')
  }
}

function checkWeight(weight: unknown, count: number | undefined, issues: IssueList, key: string): void {
  if (!Array.isArray(weight)) {
    checkWhole(weight, 1, WEIGHT_MAX, issues, key)
    return
  }
  for (const [i, one] of weight.entries()) checkWhole(one ?? null, 1, WEIGHT_MAX, issues, `${key}[${i}]`)
  if (count !== undefined && weight.length > count) {
    const some = count === 1 ? '1 instance' : `${count} instances`
    issues.add(key, `${weight.length} weights for ${some}`, `Give ${count} at most, or raise instances.`)
  }
}

function checkEnv(env: unknown, issues: IssueList, key: string): void {
  if (env === undefined) return
  if (!isObject(env)) {
    issues.add(key, `${shown(env)} is not an object`, "Write { NAME: 'value' }.")
    return
  }
  for (const [name, value] of Object.entries(env)) {
    if (typeof value === 'string') continue
    // `env: { DB: process.env.DB }` with DB unset is the usual cause, and would else be a hang much later.
    const fix = value === undefined ? 'Set it, or give a default.' : `Write '${String(value)}', in quotes.`
    issues.add(join(key, name), `${value === undefined ? 'undefined' : shown(value)} is not a text`, fix)
  }
}

function checkCwd(cwd: unknown, dir: string, issues: IssueList, key: string): void {
  if (!checkText(cwd, issues, key, './app') || cwd === undefined) return
  const folder = path.resolve(dir, cwd)
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    issues.add(key, `there is no folder ${cwd}`, `It is looked for at ${folder}.`)
  }
}

function checkHealth(health: unknown, issues: IssueList, key: string): void {
  if (!checkText(health, issues, key, '/healthz') || health === undefined || /^\/[!-~]*$/.test(health)) return
  const path = encodeURI(health.startsWith('/') ? health : `/${health}`)
  issues.add(key, `'${health}' is not a path`, `Write '${path}'.`)
}
