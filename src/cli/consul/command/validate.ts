/** `consul validate`. */
import { Failure } from '../../command.ts'
import { loadConfig } from '../config/load.ts'
import { consulCommand } from '../contract.ts'

export default consulCommand({
  usage: '[options] FILE_OR_DIRECTORY…',
  description:
    'Lists every mistake of configuration files, without starting anything. What has no effect is named on stderr.',
  examples: ['validate /etc/consul.d'],
  flags: {
    quiet: { kind: 'switch', description: 'Say nothing when all is well.' },
    'config-format': { kind: 'text', description: 'json or hcl: for files whose name does not say.' },
  },
  async run({ args, flags, cwd, terminal }) {
    if (args.length === 0) throw new Failure('Must specify at least one config file or directory')
    const format = flags['config-format']
    const { warnings } = loadConfig(
      args.map((name) => ({ name, format })),
      cwd,
    )
    for (const warning of warnings) terminal.err.line(`Warning: ${warning}`)
    if (!flags.quiet) terminal.out.line('Configuration is valid!')
    return 0
  },
})
