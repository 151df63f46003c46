/**
 * What a command is. One file a command under command/, one line in commands.ts. A command reads its options, does one
 * thing and returns an exit status; it never calls process.exit, so that what it opened is closed.
 */
import type { Environment } from '../core/settings.ts'
import type { Terminal } from './ui/terminal.ts'

/** `flag` takes no value; `port` is 0–65535, `count` a whole number from 0. */
export type OptionKind = 'flag' | 'text' | 'port' | 'count'

export interface Option {
  readonly kind: OptionKind
  readonly short?: string
  /** What stands for the value in the help: `file`. */
  readonly value?: string
  readonly description: string
  /** May be given more than once: its value is a list. */
  readonly multiple?: boolean
}

export type Options = Readonly<Record<string, Option>>

type Value<O extends Option> = O['kind'] extends 'flag' ? boolean : O['kind'] extends 'text' ? string : number

/** What was given; an option that was not is undefined. */
export type Values<O extends Options> = {
  readonly [K in keyof O]?: (O[K]['multiple'] extends true ? readonly Value<O[K]>[] : Value<O[K]>) | undefined
}

/** 0: done. 1: it failed, or the answer is no. 2: the command line is wrong. 127: Consul's, of a sub-command that is not there. */
export type ExitStatus = 0 | 1 | 2 | 127

export interface Context<O extends Options = Options> {
  readonly options: Values<O>
  /** What is neither option nor the command's name. */
  readonly args: readonly string[]
  /** Only where the command is `open`: options it did not declare, in order; true where no value followed. */
  readonly extra: readonly (readonly [name: string, value: string | true])[]
  readonly terminal: Terminal
  readonly env: Environment
  readonly cwd: string
}

export interface Command<O extends Options = Options> {
  readonly name: string
  /** What follows the name: `<service>=<count> …`. */
  readonly usage: string
  /** A paragraph or two; lines are not wrapped. */
  readonly description: string
  readonly options: O
  /** Takes options that are known only when it runs (the input of `skein call`). */
  readonly open?: boolean
  /** Reads its command line itself: `args` is all that follows the name, and `options` is empty. */
  readonly raw?: boolean
  /** At least two: the line, and what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[]
  /** What status 1 means here, where that is more than "it failed". */
  readonly failure?: string
  run(context: Context<O>): Promise<ExitStatus>
}

/** Gives the command back; its options type what `run` receives. */
export function defineCommand<const O extends Options>(command: Command<O>): Command<O> {
  return command
}

/** The command line is wrong: shown with a pointer to the help, exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** For a command that takes options only. @throws UsageError. */
export function refuseArguments(args: readonly string[]): void {
  if (args[0] !== undefined) throw new UsageError(`unexpected argument ${shown(args[0])}: this takes options only`)
}

/** A word of the command line in a sentence: of an empty one nothing would be seen. */
export function shown(word: string): string {
  return word === '' ? "''" : word
}

/** An expected failure: `message` says what, `fix` the way out; exit status 1. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly fix: string

  constructor(message: string, fix = '') {
    super(message)
    this.fix = fix
  }
}
