/** What `consul -h` and `consul kv get -h` show. */
import { pairs } from '../ui/table.ts'
import { QUERY_FLAGS } from './api.ts'
import { CONSUL_COMMANDS, type ConsulEntry } from './commands.ts'
import type { ConsulCommand, Flag } from './contract.ts'

/** Every sub-command in a line; `group` shows only `kv …`. */
export function consulOverview(group?: string): string {
  const shown = CONSUL_COMMANDS.filter(({ name }) => group === undefined || name.startsWith(`${group} `))
  return [
    `Usage: consul ${group ?? '<command>'} ${group === undefined ? '[options] [args]' : '<subcommand> [options] [args]'}`,
    '',
    ...pairs(shown.map(({ name, summary }) => [name, summary] as const)),
    '',
    "This is Skein's command, which does what Consul's does; docs/consul.md of Skein tells where they differ.",
  ].join('\n')
}

export function consulHelp({ name }: ConsulEntry, command: ConsulCommand): string {
  const [own, shared] = [false, true].map((isShared) =>
    Object.entries(command.flags).filter(([flag]) => Object.hasOwn(QUERY_FLAGS, flag) === isShared),
  )
  return [
    `Usage: consul ${name} ${command.usage}`.trimEnd(),
    '',
    command.description,
    ...section('Options', own!),
    ...section('Which registry, and as whom', shared!),
    '',
    'Examples',
    ...command.examples.map((line) => `  consul ${line}`),
  ].join('\n')
}

function section(title: string, flags: readonly (readonly [string, Flag])[]): string[] {
  if (flags.length === 0) return []
  const shown = flags.map(([flag, { kind, description, ignored }]) => {
    const value = kind === 'switch' ? '' : '=<value>'
    return [`-${flag}${value}`, ignored === undefined ? description : `No effect: ${ignored}.`] as const
  })
  return ['', title, ...pairs(shown)]
}
