/** The gateway part of a config file, and the functions in it. */
import path from 'node:path'
import { ConfigError } from '../../core/issues.ts'
import type { Logger } from '../../core/log.ts'
import type { GatewayConfig } from '../../gateway/contract.ts'
import { withFilesFrom } from '../../gateway/files.ts'
import { loadConfig } from '../config/load.ts'
import { withSteps } from './steps.ts'

/** Files that it names are seen from its own folder. @throws ConfigError with every mistake of the config. */
export async function gatewayOf(given: string | undefined, cwd: string): Promise<GatewayConfig> {
  const { config, file } = await loadConfig(given, cwd)
  if (config.gateway !== undefined && config.gateway !== false) {
    return withFilesFrom(path.dirname(file), config.gateway)
  }
  const fix = 'Write gateway: { routes: [{ path: "/*", to: "…" }] }.'
  throw new ConfigError([{ file, key: 'gateway', message: 'there is none in this config', fix }])
}

export interface FunctionsPlace {
  /** The config that has the functions to which values refer. */
  readonly steps: string | undefined
  readonly cwd: string
  readonly log: Logger
}

/** A config with the functions of that file. Where it cannot be read the references stay, and are refused. */
export async function withFunctions(value: unknown, { steps, cwd, log }: FunctionsPlace): Promise<unknown> {
  if (steps === undefined) return value
  return withSteps(value, () =>
    gatewayOf(steps, cwd).catch((err) => {
      log.error({ err }, `the steps in ${steps} cannot be read`)
    }),
  )
}
