/** Real time and chance come from outside: as a Clock and a Random everywhere, and in pure folders not even as those. */
import { type Finding, isTest, type Repository } from '../repository.ts'
import { importsOf, lineAt, type SourceFile } from '../source.ts'

/** Only core touches these; telemetry also reads the process's own times. Methods of the same name (`socket.setTimeout`) are free. */
const CLOCK_AND_CHANCE =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bprocess\.hrtime\b|\bMath\.random\b|(?<![.\w#])set(?:Timeout|Interval)\s*\(/g
const FREE_OF_IT = /^src\/(?:core|telemetry)\//

const PURE = /^src\/(?:balance\/(?:policy|load)\/|registry\/state\/|gateway\/routes\.ts$)/
const EFFECTS =
  /\bperformance\b|\bprocess\.|\bconsole\.|(?<![.\w#])(?:fetch|setImmediate|queueMicrotask)\s*\(|\bAbortSignal\.timeout\b|\bsystem(?:Clock|Random)\b|\brandom(?:UUID|Bytes|Int)\b|\bgetRandomValues\b/g
/** Modules of Node that compute and do nothing else; of node:crypto the random names are caught above. */
const HARMLESS_MODULES = new Set(['node:crypto', 'node:assert/strict', 'node:buffer', 'node:net'])
/** isIP computes; everything else of node:net opens something. */
const ONLY_IS_IP = /import\s*\{\s*isIP(?:v[46])?(?:\s*,\s*isIPv[46])*\s*,?\s*\}\s*from\s*['"]node:net['"]/

export function purity(repository: Repository): Finding[] {
  return repository.sources
    .filter((file) => file.path.startsWith('src/') && !isTest(file.path))
    .flatMap((file) => [
      ...(FREE_OF_IT.test(file.path)
        ? []
        : uses(file, CLOCK_AND_CHANCE, 'take a Clock or a Random (src/core/) instead of')),
      ...(PURE.test(file.path) ? [...uses(file, EFFECTS, 'pure code may not use'), ...impureImports(file)] : []),
    ])
}

function uses(file: SourceFile, forbidden: RegExp, advice: string): Finding[] {
  return [...file.code.matchAll(forbidden)].map((match) => ({
    file: file.path,
    line: lineAt(file.code, match.index),
    message: `${advice} ${match[0].replace(/\s*\($/, '')}`,
  }))
}

function impureImports(file: SourceFile): Finding[] {
  return importsOf(file)
    .filter(({ specifier }) => specifier.startsWith('node:') && !isHarmless(specifier, file))
    .map(({ specifier, line }) => ({ file: file.path, line, message: `pure code may not import ${specifier}` }))
}

function isHarmless(specifier: string, file: SourceFile): boolean {
  return HARMLESS_MODULES.has(specifier) && (specifier !== 'node:net' || ONLY_IS_IP.test(file.uncommented))
}
