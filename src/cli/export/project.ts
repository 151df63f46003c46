/** The project that an image is made of: the nearest folder with a package.json, and what npm installs for it. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Failure } from '../command.ts'

/** What npm installs in the image, and from what. */
export interface Installed {
  /** Files that npm reads, beside package.json; `all` where it reads folders of the project, too. */
  readonly files: readonly string[] | 'all'
  /** There is a package-lock.json. */
  readonly locked: boolean
  /** A checkout of Skein: its examples use what it has for development, and nothing links its command. */
  readonly isSkein: boolean
}

interface Manifest {
  readonly name?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly workspaces?: unknown
}

/** @throws Failure where no image can be made of it. */
export function projectOf(config: string): { root: string; installed: Installed } {
  const root = rootOf(config)
  const file = path.join(root, 'package.json')
  const { name, dependencies = {}, workspaces } = JSON.parse(readFileSync(file, 'utf8')) as Manifest
  const isSkein = name === 'skein'
  if (!isSkein && !('skein' in dependencies))
    throw new Failure(`${file} does not depend on skein`, 'The image would lack it: npm install skein')
  const locked = existsSync(path.join(root, 'package-lock.json'))
  const local = Object.entries(dependencies).flatMap(([name, from]) => localPackage(name, from, root))
  const isOneFile = (file: string) => file.endsWith('.tgz')
  const files =
    workspaces === undefined && local.every(isOneFile) ? [...(locked ? ['package-lock.json'] : []), ...local] : 'all'
  return { root, installed: { files, locked, isSkein } }
}

function rootOf(config: string): string {
  for (let dir = path.dirname(config); ; dir = path.dirname(dir)) {
    if (existsSync(path.join(dir, 'package.json'))) return dir
    if (dir !== path.dirname(dir)) continue
    throw new Failure(`there is no package.json beside ${config} or above`, 'An image installs what it names: npm init')
  }
}

/** A package that lies in the project itself: where. @throws Failure for one outside, which no image reaches. */
function localPackage(name: string, from: string, root: string): string[] {
  if (!from.startsWith('file:')) return []
  const inside = path.relative(root, path.resolve(root, from.slice('file:'.length)))
  if (!inside.startsWith('..') && !path.isAbsolute(inside)) return [inside.split(path.sep).join('/')]
  const pack = name === 'skein' ? 'npm run build && npm pack ./dist' : 'npm pack'
  throw new Failure(
    `${name} is installed from ${from}, which no image reaches`,
    `Bring it along as a file. There: ${pack}. Then, with that file in ${root}: npm install ./${name}-<version>.tgz`,
  )
}
