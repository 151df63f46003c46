/** Runs a gateway on what a source yields: started by the first good config, reloaded by each later one. */
import type { Caller } from '../../client/contract.ts'
import { ConfigError, IssueList } from '../../core/issues.ts'
import type { Logger } from '../../core/log.ts'
import type { GatewayConfig } from '../../gateway/contract.ts'
import { checkGatewayConfig, type RunningGateway, startGateway } from '../../gateway/index.ts'
import type { ConfigSource } from './sources.ts'

export interface FollowOptions {
  readonly source: ConfigSource
  /** For messages: `skein/gateway/default`, `skein.config.ts`. */
  readonly name: string
  readonly caller: Caller
  readonly log: Logger
  readonly adminPort: number | undefined
  /** Stands above what the config says. */
  readonly port: number | undefined
  readonly signal: AbortSignal
  /** Called once it listens. */
  ready(gateway: RunningGateway): void
}

/** Resolves when the source has ended and the gateway has drained. @throws when it cannot listen. */
export async function followConfig(options: FollowOptions): Promise<void> {
  const { caller, log, adminPort } = options
  let gateway: RunningGateway | undefined
  try {
    for await (const value of options.source(options.signal)) {
      const config = acceptable(value, options)
      if (config === undefined) continue
      if (gateway !== undefined) reload(gateway, config, log)
      else {
        gateway = await startGateway({ config, caller, log, adminPort })
        options.ready(gateway)
      }
    }
  } finally {
    await gateway?.close()
  }
}

/** The checked config, or undefined: what is wrong is logged, and the last good one goes on. */
function acceptable(value: unknown, { name, log, port }: FollowOptions): GatewayConfig | undefined {
  const issues = new IssueList(name)
  checkGatewayConfig(value, issues, 'gateway')
  if (issues.issues.length > 0) return refuse(new ConfigError(issues.issues), log)
  const config = value as GatewayConfig
  return port === undefined ? config : { ...config, port }
}

function reload(gateway: RunningGateway, config: GatewayConfig, log: Logger): void {
  try {
    gateway.reload(config)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    refuse(error, log)
  }
}

function refuse(error: ConfigError, log: Logger): undefined {
  log.error(`this config is refused; the last good one goes on\n${error.message}`)
}
