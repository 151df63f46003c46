/** Who may import whom, and from outside only what the published package depends on. */
import { builtinModules } from 'node:module'
import { type Finding, isTest, type Repository } from '../repository.ts'
import { importsOf, resolveImport } from '../source.ts'

/** What the outbound path stands on; ARCHITECTURE.md calls it "what it uses". */
export const CLIENT_USES = ['core', 'wire', 'discovery', 'balance', 'telemetry', 'identity']

/** Folder under src/ → the folders that it may import beside itself. ARCHITECTURE.md says the same in words. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'all'>> = {
  core: [],
  wire: ['core'],
  balance: ['core'],
  identity: ['core'],
  deploy: ['core'],
  discovery: ['core', 'wire'],
  telemetry: ['core', 'wire'],
  client: CLIENT_USES,
  service: ['client', ...CLIENT_USES],
  gateway: ['client', ...CLIENT_USES],
  simulate: ['client', ...CLIENT_USES],
  registry: ['core', 'wire', 'telemetry', 'identity'],
  observatory: ['core', 'telemetry'],
  fleet: ['core', 'telemetry'],
  control: ['core', 'fleet', 'observatory', 'registry/index.ts', 'registry/contract.ts'],
  cli: 'all',
}

export function layers(repository: Repository): Finding[] {
  const findings: Finding[] = []
  for (const file of repository.sources) {
    for (const { specifier, line } of importsOf(file)) {
      const target = resolveImport(file.path, specifier)
      const message =
        target === undefined
          ? packageFault(file.path, specifier, repository)
          : (folderFault(file.path, target) ?? missingFault(target, repository))
      if (message !== undefined) findings.push({ file: file.path, line, message })
    }
  }
  return findings
}

function folderFault(from: string, to: string): string | undefined {
  if (from.startsWith('examples/') && to.startsWith('src/')) return `examples import 'skein', as a user does, not ${to}`
  const folder = folderOf(from)
  if (folder === undefined || isTest(from)) return undefined // a test may bring up whatever stands around its subject
  if (!to.startsWith('src/')) return `src/ may not import ${to}, which is not published`
  const allowed = MAY_IMPORT[folder]
  if (allowed === undefined) return `src/${folder}/ has no row in scripts/tidy/rule/layers.ts: say what it may import`
  const other = folderOf(to) ?? to.slice('src/'.length)
  if (allowed === 'all' || other === folder || allowed.includes(other)) return undefined
  if (allowed.includes(to.slice('src/'.length))) return undefined
  return `${folder} may not import ${other} (it may: ${allowed.join(', ') || 'nothing of ours'})`
}

/** `client` for `src/client/step/send.ts`; undefined for files directly in src/, which are fronts, and outside it. */
function folderOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1]
}

function missingFault(target: string, repository: Repository): string | undefined {
  return repository.exists(target) ? undefined : `${target} does not exist`
}

function packageFault(from: string, specifier: string, repository: Repository): string | undefined {
  if (!from.startsWith('src/') || isTest(from)) return undefined
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  if (specifier.startsWith('node:') || name in repository.manifest.dependencies) return undefined
  if (builtinModules.includes(name)) return `write node:${specifier}`
  return `${name} is not among the dependencies of package.json, so users would not have it`
}
