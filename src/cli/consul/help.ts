/** What `consul -h` and `consul kv get -h` show. */
import { pairs } from '../ui/table.ts'
import { CONSUL_COMMANDS, type ConsulEntry } from './commands.ts'
import type { ConsulCommand } from './contract.ts'

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
  const flags = Object.entries(command.flags).map(([flag, { kind, description, ignored }]) => {
    const value = kind === 'switch' ? '' : '=<value>'
    return [`-${flag}${value}`, ignored === undefined ? description : `No effect: ${ignored}.`] as const
  })
  return [`Usage: consul ${name} ${command.usage}`.trimEnd(), '', command.description, '', ...pairs(flags)].join('\n')
}
