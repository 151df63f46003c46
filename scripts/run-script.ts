/** What scripts that people start by npm share: a command line that is wrong is a sentence and exit status 2, never a stack. */
import { UsageError } from '../src/cli/command.ts'

/** `command` is what was typed, `npm run faults --`. What else goes wrong keeps its stack, and status 1. */
export async function runScript(command: string, main: () => unknown): Promise<void> {
  try {
    await main()
  } catch (error) {
    if (!isUsage(error)) throw error
    console.error(`Error: ${error.message}\n${command} --help says what there is.`)
    process.exitCode = 2
  }
}

/** Besides our own: node:util's parseArgs has a code for each of its refusals. */
function isUsage(error: unknown): error is Error {
  if (error instanceof UsageError) return true
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS_')
}

/** The option's value. @throws UsageError. */
export function positive(option: string, value: string): number {
  const number = Number(value)
  if (number > 0 && number < Number.POSITIVE_INFINITY) return number
  throw new UsageError(`--${option} ${value} is not a number above 0`)
}

/** The one of that name. @throws UsageError that lists all of them. */
export function named<T extends { readonly name: string }>(shown: string, name: string, all: readonly T[]): T {
  const found = all.find((one) => one.name === name)
  if (found !== undefined) return found
  throw new UsageError(`${shown} ${name}: there are ${all.map((one) => one.name).join(', ')}`)
}
