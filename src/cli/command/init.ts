/** `skein init`: a small project that works at once. */
import path from 'node:path'
import { type Context, defineCommand, UsageError } from '../command.ts'
import { shortPath } from '../config/load.ts'
import { projectFiles } from '../init/template.ts'
import { packageName } from '../package-name.ts'
import { pairs } from '../ui/table.ts'
import { dependencyFor } from '../version.ts'
import { writeNew } from '../write-new.ts'

export default defineCommand({
  name: 'init',
  usage: '[folder]',
  description: `Writes a small project: two typed services that call each other, two instances each, a gateway, a tsconfig.
An existing file is never overwritten: if one is in the way, nothing is written.`,
  options: {},
  examples: [
    ['skein init my-app', 'write it into the new folder my-app'],
    ['skein init', 'write it here'],
  ],
  failure: 'a file is in the way; nothing was written',
  async run({ args, terminal, cwd }: Context) {
    if (args.length > 1) throw new UsageError('give one folder')
    const dir = path.resolve(cwd, args[0] ?? '.')
    const files = projectFiles(packageName(dir), dependencyFor(dir))
    writeNew(dir, files, cwd, 'Choose another folder: skein init <folder>')
    if (terminal.wantsJson) terminal.json({ dir, files: Object.keys(files) })
    else terminal.out.line(nextSteps(shortPath(dir, cwd), dir === cwd, Object.keys(files)))
    return 0
  },
})

function nextSteps(dir: string, here: boolean, names: readonly string[]): string {
  return [
    `Wrote ${names.length} files${here ? '' : ` into ${dir}`}: ${names.join(', ')}`,
    '',
    'Next:',
    ...(here ? [] : [`  cd ${dir}`]),
    ...pairs([
      ['npm install', ''],
      ['npx skein up', 'runs it'],
      ['curl localhost:8080/hello/1', 'greeter asks users (in a second terminal)'],
    ]),
  ].join('\n')
}
