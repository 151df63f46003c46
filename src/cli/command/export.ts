/** `skein export`: the fleet for containers. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { type Context, defineCommand, type Options, UsageError } from '../command.ts'
import { loadConfig, shortPath } from '../config/load.ts'
import { composeOf } from '../export/compose.ts'
import { DOCKERIGNORE, dockerfile } from '../export/image.ts'
import { projectOf } from '../export/project.ts'
import { type Data, toYaml } from '../export/yaml.ts'
import { packageName } from '../package-name.ts'
import { writeNew } from '../write-new.ts'

const OPTIONS = {
  config: {
    kind: 'text',
    short: 'c',
    value: 'file',
    description: 'The config. Default: the nearest one, here or above.',
  },
} as const satisfies Options

const HEAD =
  '# Made by skein export compose, and yours to change. It wants SKEIN_REGISTRY_TOKEN in its environment, or in .env.\n'
/** In a file, as every command of Compose asks for it: also one that only stops what runs. */
const MAKE_TOKEN = `echo SKEIN_REGISTRY_TOKEN=$(node -p 'crypto.randomUUID()') >> .env`

export default defineCommand({
  name: 'export',
  usage: 'compose [options]',
  description: `Writes a Dockerfile, a compose.yaml and a .dockerignore beside package.json: a container for the registry, one for the
gateway, and one for each instance, all from one image. Only the gateway's port is open to the outside; who is inside needs
the token that you choose. An existing file is never overwritten: if one of the first two is there, nothing is written.`,
  options: OPTIONS,
  examples: [
    ['skein export compose', 'from the nearest skein.config.ts'],
    [MAKE_TOKEN, 'once: the secret of all who are inside'],
    ['docker compose up', 'build it and run it'],
    ['docker compose up --scale users=5', 'more instances; the gateway finds them'],
  ],
  failure: 'the config has mistakes, there is no package.json, or a file is in the way',
  async run({ options, args, terminal, cwd }: Context<typeof OPTIONS>) {
    const other = args.find((word) => word !== 'compose')
    if (other !== undefined) throw new UsageError(`${other} is not made, only: skein export compose`)
    if (args.length !== 1) throw new UsageError('say what to make: skein export compose')
    const { config, file } = await loadConfig(options.config, cwd)
    const { root, installed } = projectOf(file)
    const name = packageName(root)
    const relative = path.relative(root, file).split(path.sep).join('/')
    const { compose, warnings } = composeOf(config, { name, config: relative })
    const files = {
      Dockerfile: dockerfile(installed),
      'compose.yaml': `${HEAD}${toYaml(compose as unknown as Data)}\n`,
      // Many projects have one for an image of their own, and it says much the same.
      ...(existsSync(path.join(root, '.dockerignore')) ? {} : { '.dockerignore': DOCKERIGNORE }),
    }
    writeNew(root, files, cwd, 'Move it away, or change it by hand.')
    for (const warning of warnings) terminal.err.line(`${terminal.err.paint('yellow', 'Note')}: ${warning}`)
    if (terminal.wantsJson) terminal.json({ dir: root, files: Object.keys(files), warnings })
    else terminal.out.line(told(shortPath(root, cwd), Object.keys(files)))
    return 0
  },
})

function told(dir: string, names: readonly string[]): string {
  return `Wrote ${names.join(', ')} into ${dir}\n\nNext:\n  ${MAKE_TOKEN}\n  docker compose up`
}
