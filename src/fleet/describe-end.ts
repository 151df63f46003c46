/** Why a process ended, in one line: `exit 1: Error: boom`. Pure. */
import type { ProcessEnd } from './host.ts'

/** `reason` is set when the fleet itself ended it; `lastLines` are the last that it wrote to stderr. */
export function describeEnd(end: ProcessEnd, reason: string | undefined, lastLines: readonly string[]): string {
  if (reason !== undefined) return reason
  if (end.error !== undefined) return `cannot be started: ${end.error}`
  const how = end.signal === null ? `exit ${end.code}` : `killed by ${end.signal}`
  const said = telling(lastLines)
  return said === undefined ? how : `${how}: ${said}`
}

const ERROR_LINE = /^(?:Uncaught )?[\w.]*(?:Error|Exception)\b.*:/
/** A stack frame, the marker under a source line, a closing brace of a printed object, Node's own last line. */
const NOISE = /^\s+at |^\s*\^+$|^\s*[}\])]+$|^Node\.js v/

/** The line that says most: the first that reads like an error, else the last that is no decoration. */
function telling(lines: readonly string[]): string | undefined {
  const said = lines.filter((line) => line.trim() !== '' && !NOISE.test(line))
  return (said.find((line) => ERROR_LINE.test(line)) ?? said.at(-1))?.trim().slice(0, 500)
}

/** True when a start failed because someone else had the port: then another port helps. */
export function lostPort(lastLines: readonly string[]): boolean {
  return lastLines.some((line) => /EADDRINUSE|address already in use/i.test(line))
}
