/** Runs a gateway on what a source yields: started by the first good config, reloaded by each later one. */
import type { Caller } from '../../client/contract.ts'
import { ConfigError, IssueList } from '../../core/issues.ts'
import type { Logger } from '../../core/log.ts'
import type { GatewayConfig } from '../../gateway/contract.ts'
import { checkGatewayConfig, type GatewayOptions, type RunningGateway, startGateway } from '../../gateway/index.ts'
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
  /** The same. */
  readonly workers?: GatewayConfig['workers'] | undefined
  readonly signal: AbortSignal
  /** Beside what is here. */
  readonly gateway?: Partial<GatewayOptions> | undefined
  /** Called once it listens. */
  ready(gateway: RunningGateway): void
  /** Called for each config that is refused, with all its mistakes. Default: it is logged. */
  refused?: ((problem: string) => void) | undefined
  /** Asked when it is to end: how long idle connections stay, ms. Default 0. */
  idleMs?: (() => number) | undefined
  /** Called for each config that is in force. */
  taken?: (() => void) | undefined
}

/** Resolves when the source has ended and the gateway has drained. @throws when it cannot listen. */
export async function followConfig(options: FollowOptions): Promise<void> {
  const { caller, log, adminPort, taken = () => {} } = options
  let gateway: RunningGateway | undefined
  try {
    for await (const value of options.source(options.signal)) {
      const config = acceptable(value, options)
      if (config === undefined) continue
      if (gateway !== undefined && !reload(gateway, config, options)) continue
      if (gateway === undefined) {
        gateway = await startGateway({ config, caller, log, adminPort, ...options.gateway })
        options.ready(gateway)
      }
      taken()
    }
  } finally {
    await gateway?.close(options.idleMs?.())
  }
}

/** The checked config, or undefined: what is wrong is logged, and the last good one goes on. */
export function acceptable(
  value: unknown,
  options: Pick<FollowOptions, 'name' | 'log' | 'port' | 'workers' | 'refused'>,
): GatewayConfig | undefined {
  const { name, port, workers } = options
  const issues = new IssueList(name)
  checkGatewayConfig(value, issues, 'gateway')
  if (issues.issues.length > 0) return void refuse(new ConfigError(issues.issues), options)
  const given = { ...(port !== undefined && { port }), ...(workers !== undefined && { workers }) }
  return { ...(value as GatewayConfig), ...given }
}

/** False where the config is refused. */
function reload(gateway: RunningGateway, config: GatewayConfig, options: FollowOptions): boolean {
  try {
    gateway.reload(config)
    return true
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    refuse(error, options)
    return false
  }
}

function refuse(error: ConfigError, { log, refused }: Pick<FollowOptions, 'log' | 'refused'>): void {
  const problem = `this config is refused; the last good one goes on\n${error.message}`
  if (refused === undefined) log.error(problem)
  else refused(problem)
}
