/**
 * What a sub-command of `skein consul` is. One file each under command/, one line in commands.ts. The flags, the texts that
 * scripts parse and the exit statuses are Consul's; a command never calls process.exit.
 */
import type { Clock } from '../../core/clock.ts'
import type { Environment } from '../../core/settings.ts'
import type { ExitStatus } from '../command.ts'
import type { Terminal } from '../ui/terminal.ts'

/** `count` is an unsigned number of 64 bits, kept as its digits; `port` is −1 (off) to 65535; `list` may be given again. */
export type FlagKind = 'switch' | 'text' | 'count' | 'port' | 'list'

export interface Flag {
  readonly kind: FlagKind
  readonly description: string
  /** Accepted, but without effect: the reason, which is shown when it is given. */
  readonly ignored?: string
}

export type Flags = Readonly<Record<string, Flag>>

interface ValueOf {
  readonly switch: boolean
  readonly text: string
  readonly count: string
  readonly port: number
  readonly list: readonly string[]
}

/** What was given; a flag that was not is undefined. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]?: ValueOf[F[K]['kind']] | undefined }

/** What all sub-commands are handed. */
export interface ConsulSurroundings {
  readonly terminal: Terminal
  readonly env: Environment
  readonly cwd: string
  readonly stdin: AsyncIterable<Uint8Array>
  readonly clock: Clock
}

export interface ConsulCall<F extends Flags = Flags> extends ConsulSurroundings {
  readonly flags: FlagValues<F>
  /** Every flag with a value in the order of the command line: configuration files override one another by it. */
  readonly given: readonly (readonly [name: string, value: string])[]
  /** Flags that nobody knows; only where the command is `lenient`. */
  readonly unknown: readonly string[]
  readonly args: readonly string[]
}

export interface ConsulCommand<F extends Flags = Flags> {
  /** What follows the name: `[options] KEY [DATA]`. */
  readonly usage: string
  /** A few sentences; lines are not wrapped. */
  readonly description: string
  /** At least one line as it stands after `consul`. */
  readonly examples: readonly string[]
  readonly flags: F
  /** Takes flags that it does not know, and the value after each, without using them. */
  readonly lenient?: boolean
  /** @throws Failure with the line to show; any other error is shown as the rest of the command line shows it. */
  run(call: ConsulCall<F>): Promise<ExitStatus>
}

/** Gives the command back; its flags type what `run` receives. */
export function consulCommand<const F extends Flags>(command: ConsulCommand<F>): ConsulCommand<F> {
  return command
}
