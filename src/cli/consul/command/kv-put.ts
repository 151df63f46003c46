/** `consul kv put`. */
import { kvPath } from '../../../discovery/consul-client.ts'
import { Failure } from '../../command.ts'
import { QUERY_FLAGS, withApi } from '../api.ts'
import { consulCommand, type FlagValues } from '../contract.ts'
import { readData } from '../data.ts'
import { withoutSlash } from '../kv-pair.ts'

const FLAGS = {
  ...QUERY_FLAGS,
  acquire: { kind: 'switch', description: 'Take the lock of the key for -session.' },
  base64: { kind: 'switch', description: 'DATA is base64.' },
  cas: { kind: 'switch', description: 'Only write when the key is still at -modify-index.' },
  flags: { kind: 'count', description: 'A number of 64 bits to keep with the key. Default: 0.' },
  'modify-index': { kind: 'count', description: 'See -cas; 0 = only when there is no such key.' },
  release: { kind: 'switch', description: 'Give the lock of the key back.' },
  session: { kind: 'text', description: 'See -acquire and -release.' },
} as const

type Given = FlagValues<typeof FLAGS>

export default consulCommand({
  usage: '[options] KEY [DATA]',
  description: 'Writes a key. DATA is the value itself, @file, or - for standard input; without it the value is empty.',
  examples: [
    'kv put config/limit 10',
    'kv put config/limit @limit.txt',
    'kv put -cas -modify-index=42 config/limit 11',
  ],
  flags: FLAGS,
  async run(call) {
    const { args, flags, terminal } = call
    checkLine(args, flags)
    const key = withoutSlash(args[0]!)
    const data = decode(await readData(args[1] ?? '', call), flags.base64 === true)
    const { cas, acquire, release, session } = flags
    const params = {
      flags: flags.flags ?? '0',
      cas: cas ? flags['modify-index'] : undefined,
      acquire: acquire ? session : undefined,
      release: release ? session : undefined,
    }
    return withApi(call, async (api) => {
      if ((await api.put(kvPath(key), params, data)).trim() !== 'true') throw new Failure(noReason(key, flags))
      terminal.out.line(
        `Success! ${acquire ? 'Lock acquired on' : release ? 'Lock released on' : 'Data written to'}: ${key}`,
      )
      return 0
    })
  },
})

/** @throws Failure for what cannot be meant. */
function checkLine(args: readonly string[], { cas, acquire, release, session, 'modify-index': index }: Given): void {
  if (args.length === 0) throw new Failure('Error! Missing KEY argument')
  if (args.length > 2) throw new Failure(`Error! Too many arguments (expected 1 or 2, got ${args.length})`)
  if ((acquire || release) && session === undefined)
    throw new Failure('Error! Missing -session (required with -acquire and -release)')
  if (cas && index === undefined) throw new Failure('Must specify -modify-index with -cas!')
}

function decode(data: Uint8Array, base64: boolean): Uint8Array {
  if (!base64) return data
  const text = Buffer.from(data).toString().trim()
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
  if (!isBase64) throw new Failure('Error! Cannot base 64 decode data: it is not base64 with padding')
  return Buffer.from(text, 'base64')
}

function noReason(key: string, { cas, acquire }: Given): string {
  if (cas) return `Error! Did not write to ${key}: CAS failed`
  return acquire ? 'Error! Did not acquire lock' : 'Error! Did not release lock'
}
