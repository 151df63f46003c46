/** A file of the repository as the rules see it, and the little of TypeScript's grammar that they need. */

export interface SourceFile {
  /** Relative to the repository's root, with forward slashes. */
  readonly path: string
  readonly text: string
  /** The text with comments and templates blanked, same length and lines: for what looks at strings (imports). */
  readonly uncommented: string
  /** The text with comments and the insides of strings, templates and regular expressions blanked: for what looks at code. */
  readonly code: string
}

export interface Import {
  readonly specifier: string
  readonly line: number
}

export interface FunctionBody {
  /** Line of the parameter list's opening parenthesis. */
  readonly line: number
  readonly lines: number
}

export function sourceFile(path: string, text: string): SourceFile {
  const { uncommented, code } = mask(text)
  return { path, text, uncommented, code }
}

/** 1-based line of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let i = text.indexOf('\n'); i !== -1 && i < offset; i = text.indexOf('\n', i + 1)) line++
  return line
}

const IMPORT = /^[ \t]*(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm

/** All modules that a file imports or re-exports, types and dynamic imports included. */
export function importsOf(file: SourceFile): Import[] {
  const real = (match: RegExpExecArray) =>
    /import|export/.test(file.code.slice(match.index, match.index + match[0].length))
  return [...file.uncommented.matchAll(IMPORT)].filter(real).map((match) => ({
    specifier: match[1] ?? match[2]!,
    line: lineAt(file.text, match.index + match[0].length),
  }))
}

/** The repository path that a relative specifier names, or undefined for a package. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  return new URL(specifier, `file:///${from}`).pathname.slice(1)
}

const PIECE =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"|`|\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*|[{}]/g
const BEFORE_REGEX = /(?:^|[([{},;:=!&|?+\-*%<>~]|\b(?:return|typeof|case|in|of|await|yield|throw))\s*$/

/** Blanks comments, templates and, in `code`, literals. Templates are entered again at each `${`, so the code inside them stays. */
function mask(text: string): { uncommented: string; code: string } {
  const uncommented = text.split('')
  const code = text.split('')
  const blank = (target: string[], from: number, to: number) => {
    for (let i = from; i < to; i++) if (text[i] !== '\n') target[i] = ' '
  }
  const depths: number[] = [] // one entry per open template: braces open inside its current `${`
  const piece = new RegExp(PIECE)
  for (let match = piece.exec(text); match !== null; match = piece.exec(text)) {
    const [found] = match
    const start = match.index
    const end = start + found.length
    if (found.startsWith('//') || found.startsWith('/*')) {
      blank(uncommented, start, end)
      blank(code, start, end)
    } else if (found === '`') {
      piece.lastIndex = endOfTemplateText(text, end, depths)
      for (const target of [uncommented, code]) blank(target, end, piece.lastIndex - 1)
    } else if (found === '{') {
      if (depths.length > 0) depths[depths.length - 1]!++
    } else if (found === '}') {
      if (depths.length > 0 && depths[depths.length - 1]!-- === 0) {
        depths.pop()
        piece.lastIndex = endOfTemplateText(text, end, depths)
        for (const target of [uncommented, code]) blank(target, end, piece.lastIndex - 1)
      }
    } else if (found.startsWith('/') && !BEFORE_REGEX.test(code.slice(Math.max(0, start - 80), start).join(''))) {
      piece.lastIndex = start + 1 // a division
    } else {
      blank(code, start + 1, end - 1)
    }
  }
  return { uncommented: uncommented.join(''), code: code.join('') }
}

/** From inside a template: the offset after its closing backtick, or after the next `${` (then a depth is pushed). */
function endOfTemplateText(text: string, from: number, depths: number[]): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '`') return i + 1
    else if (text.startsWith('${', i)) {
      depths.push(0)
      return i + 2
    }
  }
  return text.length
}

const CONTROL = /(?:\b(?:if|for|while|switch|catch|with|await)|\bextends\s+[\w.]+)\s*$/

/**
 * Every function with a block body: declarations, methods, accessors, arrows. Arrows of one expression are not counted, so
 * a median taken from this is no better than the true one.
 */
export function functionsOf(file: SourceFile): FunctionBody[] {
  const { code } = file
  const found: FunctionBody[] = []
  for (let open = code.indexOf('('); open !== -1; open = code.indexOf('(', open + 1)) {
    if (CONTROL.test(code.slice(Math.max(0, open - 80), open))) continue
    const brace = bodyStart(code, matching(code, open))
    if (brace === undefined) continue
    const line = lineAt(code, open)
    found.push({ line, lines: lineAt(code, matching(code, brace)) - line + 1 })
  }
  return found
}

/** Offset of the bracket that closes the one at `open`; the text's last offset when none does. */
function matching(code: string, open: number): number {
  let depth = 0
  for (let i = open; i < code.length; i++) {
    if ('([{'.includes(code[i]!)) depth++
    else if (')]}'.includes(code[i]!) && --depth === 0) return i
  }
  return code.length - 1
}

/** After a parameter list's `)`: the offset of the `{` of a body, past a return type and an arrow, or undefined. */
function bodyStart(code: string, close: number): number | undefined {
  let at = skipSpace(code, close + 1)
  if (code[at] === ':') at = skipSpace(code, skipType(code, at + 1))
  if (code.startsWith('=>', at)) at = skipSpace(code, at + 2)
  return code[at] === '{' ? at : undefined
}

function skipSpace(code: string, from: number): number {
  let at = from
  while (/\s/.test(code[at] ?? '')) at++
  return at
}

const OPERAND = /(?:(?:asserts|keyof|typeof|readonly|unique)\s+)*(?:[\w$.#]+|'[^']*'|"[^"]*"|`[^`]*`|-\d+)/y

/** Past one type: operands joined by `|`, `&`, `is`, `extends … ? … :`; stops where no operator follows an operand. */
function skipType(code: string, from: number): number {
  let at = skipSpace(code, from)
  if (code[at] === '|' || code[at] === '&') at = skipSpace(code, at + 1)
  if ('([{'.includes(code[at] ?? ' ')) {
    at = matching(code, at) + 1
    const functionType = /^\s*=>(?!\s*\{)/.exec(code.slice(at, at + 80))
    if (functionType !== null) return skipType(code, at + functionType[0].length)
  } else {
    OPERAND.lastIndex = at
    const operand = OPERAND.exec(code)
    if (operand === null) return at
    at += operand[0].length
  }
  at = skipArguments(code, at)
  const joined = /^\s*(?:[|&]|is\b|extends\b|\?|:)/.exec(code.slice(at, at + 80))
  return joined === null ? at : skipType(code, at + joined[0].length)
}

/** Past `<…>` and `[…]` after a type's name. */
function skipArguments(code: string, from: number): number {
  let at = from
  for (;;) {
    if (code[at] === '[') at = matching(code, at) + 1
    else if (code[at] === '<') at = endOfAngles(code, at)
    else return at
  }
}

function endOfAngles(code: string, open: number): number {
  let depth = 0
  for (let i = open; i < code.length; i++) {
    if (code[i] === '<') depth++
    else if (code[i] === '>' && code[i - 1] !== '=' && --depth === 0) return i + 1
  }
  return code.length
}
