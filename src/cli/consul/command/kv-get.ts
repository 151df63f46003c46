/** `consul kv get`: values come out as the bytes they are. */
import { kvPath } from '../../../discovery/consul-client.ts'
import type { ExitStatus } from '../../command.ts'
import { Failure } from '../../command.ts'
import type { Output } from '../../ui/terminal.ts'
import { type Api, QUERY_FLAGS, withApi } from '../api.ts'
import { consulCommand, type FlagValues } from '../contract.ts'
import { bytesOf, detailsOf, type KvPair, withoutSlash } from '../kv-pair.ts'

const FLAGS = {
  ...QUERY_FLAGS,
  base64: { kind: 'switch', description: 'Show values in base64.' },
  detailed: { kind: 'switch', description: 'Show indexes and flags as well.' },
  keys: { kind: 'switch', description: 'List the keys under a prefix, up to the separator.' },
  recurse: { kind: 'switch', description: 'Show all keys under a prefix with their values.' },
  separator: { kind: 'text', description: 'Where -keys cuts. Default: "/".' },
} as const

type Given = FlagValues<typeof FLAGS>

export default consulCommand({
  usage: '[options] [KEY_OR_PREFIX]',
  description: 'Shows the value of a key. Exit status 1: there is no such key.',
  examples: ['kv get config/limit', 'kv get -recurse config/', 'kv get -keys config/'],
  flags: FLAGS,
  async run(call) {
    const { args, flags } = call
    if (args.length > 1) throw new Failure(`Too many arguments (expected 1, got ${args.length})`)
    const key = withoutSlash(args[0] ?? '')
    const show = flags.keys ? showKeys : flags.recurse ? showAll : showOne
    if (key === '' && show === showOne) throw new Failure('Error! Missing KEY argument')
    return withApi(call, (api) => show(api, key, flags, call.terminal.out))
  },
})

async function showKeys(api: Api, prefix: string, { separator = '/' }: Given, out: Output): Promise<ExitStatus> {
  const { body } = await api.get(kvPath(prefix), { keys: true, separator })
  for (const key of (body ?? []) as string[]) out.line(key)
  return 0
}

async function showAll(api: Api, prefix: string, flags: Given, out: Output): Promise<ExitStatus> {
  const { body } = await api.get(kvPath(prefix), { recurse: true })
  for (const [i, pair] of ((body ?? []) as KvPair[]).entries()) {
    if (flags.detailed && i > 0) out.line()
    if (!flags.detailed) out.raw(`${pair.Key}:`)
    show(pair, flags, out)
  }
  return 0
}

async function showOne(api: Api, key: string, flags: Given, out: Output): Promise<ExitStatus> {
  const { body } = await api.get(kvPath(key))
  const pair = (body as KvPair[] | undefined)?.[0]
  if (pair === undefined) throw new Failure(`Error! No key exists at: ${key}`)
  show(pair, flags, out)
  return 0
}

function show(pair: KvPair, { detailed, base64 = false }: Given, out: Output): void {
  out.raw(detailed ? detailsOf(pair, base64) : bytesOf(pair, base64))
  out.line()
}
