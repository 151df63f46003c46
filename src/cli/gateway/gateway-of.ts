/** The gateway part of a config file. */
import path from 'node:path'
import { ConfigError } from '../../core/issues.ts'
import type { GatewayConfig } from '../../gateway/contract.ts'
import { withFilesFrom } from '../../gateway/files.ts'
import { loadConfig } from '../config/load.ts'

/** Files that it names are seen from its own folder. @throws ConfigError with every mistake of the config. */
export async function gatewayOf(given: string | undefined, cwd: string): Promise<GatewayConfig> {
  const { config, file } = await loadConfig(given, cwd)
  if (config.gateway !== undefined && config.gateway !== false) {
    return withFilesFrom(path.dirname(file), config.gateway)
  }
  const fix = 'Write gateway: { routes: [{ path: "/*", to: "…" }] }.'
  throw new ConfigError([{ file, key: 'gateway', message: 'there is none in this config', fix }])
}
