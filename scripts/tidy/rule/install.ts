/** What has to be installed can be: by npm for whoever clones the repository, by apt-get on CI. */
import { missingFromLock } from '../../complete-lock.ts'
import type { Finding, Repository } from '../repository.ts'
import { lineAt } from '../source.ts'

export function lockFile(repository: Repository): Finding[] {
  return [...missingFromLock(repository.lock).keys()].map((key) => ({
    file: 'package-lock.json',
    line: 1,
    message: `${key} is missing, so npm ci fails: run node scripts/complete-lock.ts`,
  }))
}

const NEEDS = /\bneeds(?:Program\(\s*'([\w.+-]+)'(?:,\s*'([\w.+-]+)')?|Python\(\{([^}]*)\})/g

/** Debian packages named by a test's `needsProgram` or `needsPython` are in the list of .ci/run. */
export function ciPackages(repository: Repository): Finding[] {
  const list = /^debian=\(([^)]*)\)/m.exec(repository.ci)?.[1]?.split(/\s+/) ?? []
  return repository.sources.flatMap((file) =>
    [...file.uncommented.matchAll(NEEDS)].flatMap((match) =>
      packagesOf(match)
        .filter((name) => !list.includes(name))
        .map((name) => ({
          file: file.path,
          line: lineAt(file.text, match.index),
          message: `the Debian package ${name} is not in the list of .ci/run`,
        })),
    ),
  )
}

function packagesOf([, program, debianPackage, modules]: RegExpExecArray): string[] {
  if (modules === undefined) return [debianPackage ?? program!]
  return [...modules.matchAll(/'([^']+)'/g)].map((match) => match[1]!)
}
