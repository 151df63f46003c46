/**
 * What a test needs that npm does not bring. Each function gives a reason to skip, for `test(name, { skip }, …)`, or false
 * when all is there. With SKEIN_REQUIRE_ALL=1 (as on CI) a missing program is an error instead.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, globSync } from 'node:fs'
import path from 'node:path'

export type Skip = string | false

/** Where Debian puts programs that are not on everybody's PATH. */
const MORE_FOLDERS = ['/usr/bin', '/usr/sbin', '/sbin', '/usr/lib/podman', ...globSync('/usr/lib/postgresql/*/bin')]

/** The absolute path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), ...MORE_FOLDERS]
  return folders.map((folder) => path.join(folder, name)).find(isExecutable)
}

export function needsProgram(name: string, debianPackage = name): Skip {
  return findProgram(name) === undefined ? missing(`${name} is absent (apt-get install ${debianPackage})`) : false
}

/** A Python that can import all of `modules` (name → Debian package): Debian's own is tried beside the first on PATH. */
export function needsPython(modules: Readonly<Record<string, string>>): { skip: Skip; python: string } {
  const candidates = ['python3', '/usr/bin/python3']
  const script = `import ${Object.keys(modules).join(', ')}`
  const python = candidates.find((candidate) => spawnSync(candidate, ['-c', script]).status === 0)
  if (python !== undefined) return { skip: false, python }
  const packages = Object.values(modules).join(' ')
  return { skip: missing(`no Python can "${script}" (apt-get install ${packages})`), python: '' }
}

function missing(reason: string): Skip {
  if (process.env['SKEIN_REQUIRE_ALL'] === '1') throw new Error(`SKEIN_REQUIRE_ALL is set, but ${reason}`)
  return reason
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false // not there, or not ours to run: the next folder may have it
  }
}
