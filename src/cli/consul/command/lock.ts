/** `consul lock`: runs a program while a lock, or a place in a semaphore, is held. */
import { parseDuration } from '../../../registry/api/duration.ts'
import { Failure } from '../../command.ts'
import { onAskedToEnd } from '../../lifetime.ts'
import { QUERY_FLAGS, withApi } from '../api.ts'
import { type ConsulCall, consulCommand } from '../contract.ts'
import { holdAndRun } from '../lock/hold.ts'
import { Mutex } from '../lock/mutex.ts'
import { Semaphore } from '../lock/semaphore.ts'
import { LockSession } from '../lock/session.ts'

const FLAGS = {
  ...QUERY_FLAGS,
  'child-exit-code': { kind: 'switch', description: 'Exit with 2 when the program fails. Default: 0 all the same.' },
  n: { kind: 'count', description: 'How many may hold it at once; above 1 it is a semaphore. Default: 1.' },
  'monitor-retry': {
    kind: 'count',
    description:
      'How often a registry that does not answer is asked again, 1 s apart, before the lock counts as lost. Default: 3.',
  },
  name: { kind: 'text', description: 'Name of the session. Default: made from the program and the prefix.' },
  'pass-stdin': { kind: 'switch', description: 'The program reads the standard input.' },
  shell: { kind: 'switch', description: 'Run the program by $SHELL or sh. Default: true.' },
  timeout: { kind: 'text', description: 'Give up after this time, such as 30s; 0 = never. Default: 0.' },
  try: { kind: 'text', description: 'The same as -timeout, by its old name.' },
  verbose: { kind: 'switch', description: 'Tell what is going on.' },
} as const

type Call = ConsulCall<typeof FLAGS>

interface Wish {
  readonly prefix: string
  readonly words: readonly string[]
  readonly limit: number
  readonly timeoutMs: number
  readonly retries: number
  readonly name: string
}

export default consulCommand({
  usage: '[options] prefix program …',
  description: `Waits for the lock at <prefix>/.lock in the KV, then runs the program, with CONSUL_LOCK_HELD=true in its environment, and gives the
lock back when it ends. When the lock is lost, or this command is asked to end, the program gets SIGTERM, and SIGKILL 5 s later.
All who use a prefix must agree on -n.`,
  examples: ['lock jobs/nightly ./nightly.sh', 'lock -n=3 -timeout=30s jobs/import ./import.sh'],
  flags: FLAGS,
  async run(call) {
    const wish = readWish(call)
    return withApi(call, async (api) => {
      const stop = new AbortController()
      const forget = onAskedToEnd(() => stop.abort())
      const { limit, prefix, name } = wish
      const session = await LockSession.begin(api, call.clock, { name, behaviour: limit === 1 ? 'release' : 'delete' })
      const options = { api, clock: call.clock, prefix, session: session.id }
      const lock = limit === 1 ? new Mutex(options) : new Semaphore(options, limit)
      try {
        const fault = await holdAndRun({ ...wish, lock, lost: session.lost, stop: stop.signal, call })
        return fault !== undefined && call.flags['child-exit-code'] ? 2 : 0
      } finally {
        forget()
        await session.end()
      }
    })
  },
})

/** @throws Failure for what cannot be meant. */
function readWish({ args, flags }: Call): Wish {
  const limit = Number(flags.n ?? 1)
  if (limit === 0) throw new Failure('Lock holder limit must be positive')
  const [prefix = '', ...words] = args
  if (words.length === 0) throw new Failure('Key prefix and child command must be specified')
  const key = prefix.replaceAll(/^\/|\/+$/g, '')
  if (key === '') throw new Failure('missing prefix')
  const name = flags.name ?? `Consul lock for '${words.join(' ')}' at '${key}'`
  const retries = Number(flags['monitor-retry'] ?? 3)
  return { prefix: key, words, limit, timeoutMs: readTimeout(flags.timeout ?? flags.try ?? '0s'), retries, name }
}

function readTimeout(text: string): number {
  try {
    const ms = text === '0' ? 0 : parseDuration(text)
    if (ms >= 0) return ms
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  throw new Failure(`-timeout=${text}: write a duration such as "1s" or "3h"`)
}
