/** What can be asked of an agent's process: `consul leave` and `consul reload`. */
import { Failure } from '../command.ts'
import { type CLIENT_FLAGS, Refused, withApi } from './api.ts'
import type { ConsulCall } from './contract.ts'

/** Asks, then says that it is `done`. @throws Failure when the registry is no agent. */
export function askProcess(call: ConsulCall<typeof CLIENT_FLAGS>, what: 'leave' | 'reload', done: string) {
  return withApi(call, async (api) => {
    try {
      await api.put(`/v1/agent/${what}`)
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 404) throw error
      throw new Failure(
        'this registry was not started by `consul agent`',
        'It has no configuration files, and ends by SIGINT or SIGTERM.',
      )
    }
    call.terminal.out.line(done)
    return 0
  })
}
