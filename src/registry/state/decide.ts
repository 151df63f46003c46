/** What a command would change. Reads the state, writes nothing: whoever stores the changes brings them in afterwards. */
import type { Command, Decision, Txn } from './commands.ts'
import { decideAcl } from './decide-acl.ts'
import { decideDeregister, decideRegister, decideSetStatus } from './decide-catalog.ts'
import { decideKvDelete, decideKvSet } from './decide-kv.ts'
import { decideQueryDelete, decideQuerySet } from './decide-query.ts'
import { decideAllow, decideRemove } from './decide-removed.ts'
import {
  decideDelayEnd,
  decideSessionCreate,
  decideSessionEnd,
  decideSessionRenew,
  endedSessions,
} from './decide-session.ts'
import { decideTxn } from './decide-txn.ts'
import type { State } from './state.ts'

/**
 * Pure. What the changes do to sessions and their locks is part of them, so that it is the same write and index. A command that changes nothing (the same registration, value or status again) has no changes.
 * @throws Refusal when the command cannot be carried out on this state.
 */
export function decide(state: State, command: Command): Decision {
  if (command.type === 'txn') return decideTxn(state, command, decide)
  const { changes, done } = decideAlone(state, command)
  const ended = endedSessions(state, changes)
  return { changes: ended.length === 0 ? changes : [...changes, ...ended], done }
}

function decideAlone(state: State, command: Exclude<Command, Txn>): Decision {
  switch (command.type) {
    case 'register':
      return decideRegister(state, command)
    case 'deregister':
      return decideDeregister(state, command)
    case 'set-status':
      return decideSetStatus(state, command)
    case 'kv-set':
      return decideKvSet(state, command)
    case 'kv-delete':
      return decideKvDelete(state, command)
    case 'session-create':
      return decideSessionCreate(state, command)
    case 'session-end':
      return decideSessionEnd(state, command)
    case 'session-renew':
      return decideSessionRenew(state, command)
    case 'query-set':
      return decideQuerySet(state, command)
    case 'query-delete':
      return decideQueryDelete(state, command)
    case 'remove':
      return decideRemove(state, command)
    case 'allow':
      return decideAllow(state, command)
    case 'acl':
      return decideAcl(state, command.action)
    case 'delay-end':
      return decideDelayEnd(state, command)
  }
}
