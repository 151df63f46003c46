/** What `--help` shows. */
import { GLOBAL_OPTIONS } from './args.ts'
import type { Command, Option, Options } from './command.ts'
import { COMMANDS, GROUPS } from './commands.ts'
import { pairs } from './ui/table.ts'
import type { Paint } from './ui/terminal.ts'

const STATUSES = [
  ['0', 'done'],
  ['1', 'it failed; stderr says why'],
  ['2', 'the command line is wrong'],
] as const

/** The help of `skein` itself: every command in one line. */
export function overview(paint: Paint): string {
  const head = (text: string) => paint('bold', text)
  const groups = GROUPS.map((group) => {
    const lines = COMMANDS.filter((command) => command.group === group)
    return [head(group), ...pairs(lines.map(({ name, summary }) => [paint('cyan', name.padEnd(8)), summary] as const))]
  })
  return [
    `${head('skein')}: microservices for TypeScript that find, call, balance, protect and watch each other`,
    ...section(paint, 'Usage', ['  skein <command> [options]', '  skein <command> --help']),
    ...groups.flatMap((lines) => ['', ...lines]),
    ...section(paint, 'Options of every command', optionLines(GLOBAL_OPTIONS, paint)),
    ...section(paint, 'Examples', [
      '  skein init shop      write a small project',
      '  skein up             run what skein.config.ts says',
      '  skein ps             what runs, where, how it is',
    ]),
    ...section(paint, 'Exit status', pairs(STATUSES)),
  ].join('\n')
}

/** The help of one command. */
export function commandHelp(command: Command, summary: string, paint: Paint): string {
  const own = Object.keys(command.options).length === 0 ? [] : optionLines(command.options, paint)
  const statuses = STATUSES.map(([code, text]) => [code, code === '1' ? (command.failure ?? text) : text] as const)
  return [
    `${paint('bold', `skein ${command.name}`)}: ${summary}`,
    ...section(paint, 'Usage', [`  skein ${command.name} ${command.usage}`.trimEnd()]),
    '',
    command.description,
    ...(own.length === 0 ? [] : section(paint, 'Options', own)),
    ...section(paint, 'Options of every command', optionLines(GLOBAL_OPTIONS, paint)),
    ...section(paint, 'Examples', pairs(command.examples.map(([line, does]) => [line, paint('dim', does)]))),
    ...section(paint, 'Exit status', pairs(statuses)),
  ].join('\n')
}

function section(paint: Paint, title: string, lines: readonly string[]): string[] {
  return ['', paint('bold', title), ...lines]
}

function optionLines(options: Options, paint: Paint): string[] {
  return pairs(Object.entries(options).map(([name, option]) => [paint('cyan', form(name, option)), option.description]))
}

/** `-c, --config <file>`; long names stand under each other. */
function form(name: string, option: Option): string {
  const short = option.short === undefined ? '    ' : `-${option.short}, `
  const value = option.kind === 'flag' ? '' : ` <${option.value ?? option.kind}>`
  return `${short}--${name}${value}`
}
