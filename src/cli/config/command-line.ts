/** A command written as one string, cut into words as a shell would, without being one. */

/** Words, operators and quotes: what a shell would act on outside quotes is found and refused, not guessed at. */
const WORD = /\s*(?:((?:[^\s"'|&;<>$`()*?]|"[^"$`]*"|'[^']*')+)|(\S))/gy

/**
 * Cuts at spaces; quotes hold together: `node -e "a b"` → `node`, `-e`, `a b`.
 * @throws RangeError naming what only a shell could read: a pipe, a variable, an open quote.
 */
export function splitCommand(text: string): string[] {
  const words: string[] = []
  for (const [, word, other] of text.trim().matchAll(WORD)) {
    if (other !== undefined) throw new RangeError(`${other} is for a shell, and no shell reads this`)
    words.push(word!.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single))
  }
  if (words.length === 0) throw new RangeError('it is empty')
  return words
}
