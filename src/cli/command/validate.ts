/** `skein validate`: reads a config, starts nothing. */
import path from 'node:path'
import { ConfigError, type Issue } from '../../core/issues.ts'
import { withFilesFrom } from '../../gateway/files.ts'
import { unreadable } from '../../gateway/readings.ts'
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { loadConfig, shortPath } from '../config/load.ts'
import type { FleetConfig } from '../define.ts'
import { showIssues } from '../ui/issues.ts'
import type { Output } from '../ui/terminal.ts'

const OPTIONS = {
  config: { kind: 'text', short: 'c', value: 'file', description: 'The file, as other commands take it.' },
} as const satisfies Options

export default defineCommand({
  name: 'validate',
  usage: '[file]',
  description: `Reads a config and lists every mistake at once: unknown keys, missing files, counts, weights, ports, routes.
Without a file the nearest skein.config.ts is read, as skein up would. Certificates, keys and secrets of the gateway that cannot
be had here are noted, and are no mistakes.`,
  options: OPTIONS,
  examples: [
    ['skein validate', 'check the nearest config'],
    ['skein validate shop/skein.config.ts', 'check this one'],
    [
      'skein validate --json',
      'the mistakes as {file, valid, issues: [{file, key, message, fix}], notes: [{key, message}]}',
    ],
  ],
  failure: 'the config has mistakes, or cannot be read',
  async run({ options, args, terminal, cwd }: Context<typeof OPTIONS>) {
    const files = options.config === undefined ? args : [options.config, ...args]
    if (files.length > 1) throw new UsageError('give one file')
    try {
      const { config, file } = await loadConfig(files[0], cwd)
      const notes = notesOn(config, path.dirname(file))
      if (terminal.wantsJson) terminal.json({ file, valid: true, issues: [], notes })
      else {
        terminal.out.line(`${terminal.out.paint('green', '✓')} ${shortPath(file, cwd)}: ${summary(config)}`)
        showNotes(notes, terminal.out)
      }
      return 0
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      if (terminal.wantsJson) terminal.json({ file: error.issues[0]?.file, valid: false, issues: error.issues })
      else showIssues(error.issues, terminal.err)
      return 1
    }
  },
})

/** No mistakes: the gateway may run elsewhere, where they are. */
function notesOn({ gateway }: FleetConfig, folder: string): Pick<Issue, 'key' | 'message'>[] {
  if (gateway === undefined || gateway === false) return []
  return unreadable(withFilesFrom(folder, gateway)).map(({ key, message }) => ({ key: `gateway.${key}`, message }))
}

function showNotes(notes: readonly Pick<Issue, 'key' | 'message'>[], { line, paint }: Output): void {
  if (notes.length === 0) return
  line('The gateway needs these where it runs; here they cannot be had:')
  for (const { key, message } of notes) line(`  ${paint('cyan', key)}: ${message}`)
}

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
