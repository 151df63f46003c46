/** Programs that sub-commands run: `watch` its handlers, `lock` what the lock is for. */
import type { ChildProcess } from 'node:child_process'
import type { Environment } from '../../core/settings.ts'

/** A program can lead a group of its own, so that a signal reaches what a shell has started, too. Windows has none. */
export const HAS_GROUPS = process.platform !== 'win32'

/** What to start: the words themselves, or the shell that is to read them joined. */
export function programOf(words: readonly string[], shell: boolean, env: Environment): [string, ...string[]] {
  const [program = '', ...args] = words
  return shell ? [env['SHELL'] ?? '/bin/sh', '-c', words.join(' ')] : [program, ...args]
}

/** `isGroup`: to all that the child leads. One that has ended gets nothing. */
export function sendSignal(child: ChildProcess, signal: NodeJS.Signals, isGroup: boolean): void {
  const { pid, exitCode, signalCode } = child
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  if (isGroup) process.kill(-pid, signal)
  else child.kill(signal)
}
