/** `key=value` of a flag that may be repeated. */
import { Failure } from '../command.ts'

/** @throws Failure naming the flag and what is no pair. */
export function pairsOf(flag: string, texts: readonly string[] = []): [string, string][] {
  return texts.map((text) => {
    const at = text.indexOf('=')
    if (at < 1) throw new Failure(`-${flag} ${text}: write key=value`)
    return [text.slice(0, at), text.slice(at + 1)]
  })
}
