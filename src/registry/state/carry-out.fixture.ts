import { applyChanges } from './apply.ts'
import type { Command } from './commands.ts'
import { decide } from './decide.ts'
import type { State } from './state.ts'

/** Decides and applies in one go: nothing is stored in between. Says whether the command's condition held. */
export function carryOut(state: State, command: Command, index: number): boolean {
  const { changes, done } = decide(state, command)
  if (changes.length > 0) applyChanges(state, changes, index)
  return done
}
