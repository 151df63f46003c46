/** `skein validate`: reads a config, starts nothing. */
import { ConfigError } from '../../core/issues.ts'
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { loadConfig, shortPath } from '../config/load.ts'
import type { FleetConfig } from '../define.ts'
import { showIssues } from '../ui/issues.ts'

const OPTIONS = {
  config: { kind: 'text', short: 'c', value: 'file', description: 'The file, as other commands take it.' },
} as const satisfies Options

export default defineCommand({
  name: 'validate',
  usage: '[file]',
  description: `Reads a config and lists every mistake at once: unknown keys, missing files, counts, weights, ports, routes.
Without a file the nearest skein.config.ts is read, as skein up would.`,
  options: OPTIONS,
  examples: [
    ['skein validate', 'check the nearest config'],
    ['skein validate shop/skein.config.ts', 'check this one'],
    ['skein validate --json', 'the mistakes as {file, valid, issues: [{file, key, message, fix}]}'],
  ],
  failure: 'the config has mistakes, or cannot be read',
  async run({ options, args, terminal, cwd }: Context<typeof OPTIONS>) {
    const files = options.config === undefined ? args : [options.config, ...args]
    if (files.length > 1) throw new UsageError('give one file')
    try {
      const { config, file } = await loadConfig(files[0], cwd)
      if (terminal.wantsJson) terminal.json({ file, valid: true, issues: [] })
      else terminal.out.line(`${terminal.out.paint('green', '✓')} ${shortPath(file, cwd)}: ${summary(config)}`)
      return 0
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      if (terminal.wantsJson) terminal.json({ file: error.issues[0]?.file, valid: false, issues: error.issues })
      else showIssues(error.issues, terminal.err)
      return 1
    }
  },
})

/** `2 services, 5 instances, 2 routes`. */
function summary({ services, gateway }: FleetConfig): string {
  const all = Object.values(services)
  const instances = all.reduce((sum, service) => sum + (service.instances ?? 1), 0)
  const routes = gateway === undefined || gateway === false ? 'no gateway' : count(gateway.routes.length, 'route')
  return `${count(all.length, 'service')}, ${count(instances, 'instance')}, ${routes}`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
