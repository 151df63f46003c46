/** `skein consul`: Consul's command line over Skein. A link named `consul` to the executable calls it, too. */
import { systemClock } from '../../core/clock.ts'
import { type Context, defineCommand } from '../command.ts'
import { CONSUL_COMMANDS } from '../consul/commands.ts'
import { runConsul } from '../consul/run.ts'
import { pairs } from '../ui/table.ts'

export default defineCommand({
  name: 'consul',
  usage: "<sub-command> [Consul's flags] …",
  description: `Scripts, containers and CI jobs that call \`consul\` go on as they are: sub-commands, flags (one dash or two), the texts that
programs read and the exit statuses are Consul's. What has no effect here is said on stderr. Each shows its flags with -h.
Its registry is CONSUL_HTTP_ADDR, else SKEIN_REGISTRY; its token CONSUL_HTTP_TOKEN, else SKEIN_REGISTRY_TOKEN.

${pairs(CONSUL_COMMANDS.map(({ name, summary }) => [name, summary] as const)).join('\n')}`,
  options: {},
  raw: true,
  examples: [
    ['skein consul agent -dev', "a registry in memory, on Consul's ports"],
    ['skein consul kv put greeting hello', 'write a key'],
    ['ln -s "$(command -v skein)" ~/bin/consul', 'from now on `consul kv get greeting` will do'],
  ],
  failure: 'it failed, or the answer is no; stderr says why',
  run({ args, terminal, env, cwd }: Context) {
    return runConsul(args, { terminal, env, cwd, stdin: process.stdin, clock: systemClock })
  },
})
