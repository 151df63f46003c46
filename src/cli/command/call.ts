/** `skein call`: an operation, called as another service would call it. */
import { createCaller } from '../../client/caller.ts'
import { Contracts } from '../../client/contracts.ts'
import { callOperation } from '../../client/typed.ts'
import { registryAddress, registryToken, SETTINGS } from '../../core/settings.ts'
import { ConsulClient } from '../../discovery/consul-client.ts'
import { consulSource } from '../../discovery/source/consul.ts'
import { readInput } from '../call/input.ts'
import { operationLines } from '../call/operations.ts'
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { CONFIG_OPTION, runningInfo } from '../running.ts'

const OPTIONS = {
  data: {
    kind: 'text',
    short: 'd',
    value: 'json',
    description: 'The input as JSON, or @file. Options are added to it.',
  },
  registry: {
    kind: 'text',
    value: 'urls',
    description: 'The registry; several addresses with commas. Default: that of the fleet here, else SKEIN_REGISTRY.',
  },
  timeout: { kind: 'count', value: 'ms', description: 'Give up after so many ms. Default: 5000.' },
  config: CONFIG_OPTION,
} as const satisfies Options

export default defineCommand({
  name: 'call',
  usage: '<service>.<operation> [--<field> <value> …] [options]',
  description: `Calls an operation as another service would: discovered, balanced, retried. Its input fields are options, converted by the
schema that the service publishes; a field named like an option below is given with --data. The result is printed as JSON.
With a service alone its operations are listed.`,
  options: OPTIONS,
  open: true,
  examples: [
    ['skein call users.get --id 1', 'one field'],
    [`skein call orders.create --data '{"userId":"1","items":[]}'`, 'the input as JSON'],
    ['skein call users', 'the operations of users'],
    ['skein call users.get --id 1 --registry http://10.0.0.5:8500', 'somewhere else'],
  ],
  failure: 'the call failed; stderr has the code and the way out',
  async run(context: Context<typeof OPTIONS>) {
    const { options, env } = context
    const { service, operation, data } = parseTarget(context)
    const running = options.registry === undefined ? await runningInfo(context.cwd, options.config) : undefined
    const address = options.registry ?? running?.registry
    const settings = address === undefined ? env : { ...env, [SETTINGS.registry]: address }
    const consul = new ConsulClient({
      address: registryAddress(settings),
      token: running?.token ?? registryToken(env),
    })
    try {
      if (operation === undefined) await list(service, consul, context)
      else await call(service, operation, data, consul, context)
      return 0
    } finally {
      await consul.close()
    }
  },
})

/** JSON may also stand as an argument of its own after the operation. */
function parseTarget({ args, options }: Context<typeof OPTIONS>) {
  const [target = '', json, ...rest] = args
  const [service = '', operation, ...more] = target.split('.')
  const fits = service !== '' && operation !== '' && more.length === 0 && rest.length === 0
  if (!fits || (json !== undefined && (options.data !== undefined || operation === undefined))) {
    throw new UsageError('name one operation as <service>.<operation>, such as users.get')
  }
  return { service, operation, data: options.data ?? json }
}

async function list(service: string, consul: ConsulClient, { terminal }: Context<typeof OPTIONS>): Promise<void> {
  const contract = await new Contracts(consul).get(service)
  if (terminal.wantsJson) terminal.json(contract)
  else for (const line of operationLines(contract, terminal.out.paint)) terminal.out.line(line)
}

async function call(
  service: string,
  operation: string,
  data: string | undefined,
  consul: ConsulClient,
  { options, extra, terminal, cwd }: Context<typeof OPTIONS>,
): Promise<void> {
  const { operations } = await new Contracts(consul).get(service)
  const contract = Object.hasOwn(operations, operation) ? operations[operation] : undefined
  const input = readInput(contract, data, extra, cwd)
  const source = consulSource({ client: consul })
  const caller = createCaller({ source })
  try {
    const result = await callOperation(service, operation, input, { caller, consul, deadlineMs: options.timeout })
    if (terminal.wantsJson) terminal.json(result ?? null)
    else if (result !== undefined) terminal.out.line(JSON.stringify(result, null, 2))
  } finally {
    await caller.close()
    await source.close()
  }
}
