/** What `serve()` and `skein run` take: a service of the kit, or an app of another framework in an adapter. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ServiceContract } from '../core/contract.ts'
import type { Exchange, Reply } from './exchange.ts'
import type { LimitConfig } from './limit/limits.ts'
import type { PriorityOf } from './step/prioritise.ts'

/** `wire` is Skein's own engine, `node` node:http. */
export type ServerName = 'wire' | 'node'

export interface Servable {
  readonly name: string
  readonly '~app': App
}

export interface App {
  /** Absent for apps whose operations Skein does not know. */
  readonly contract?: ServiceContract | undefined
  /** The inner part of the pipeline. Undefined: the app has answered, or will answer, by itself. */
  readonly handle: (exchange: Exchange) => Promise<Reply | undefined>
  /** The server that the app needs; absent = it runs on any. */
  readonly server?: ServerName | undefined
  /** How many requests are worked on at a time; default adaptive. */
  readonly limit?: LimitConfig | undefined
  /** What operations say of themselves. */
  readonly priorityOf?: PriorityOf | undefined
  /** For apps that take WebSocket or other upgrades. */
  readonly upgrade?: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined
  /** Time to receive a whole request, ms; default 30,000. Operations read theirs by themselves, in that time. */
  readonly requestTimeoutMs?: number | undefined
  readonly hooks: AppHooks
  readonly about: About
}

export interface AppHooks {
  /** Asked by `/health/ready`; a throw or rejection makes the instance unready. Has 1 s, and is not asked twice at a time. */
  readonly health?: (() => unknown) | undefined
  /** Before the port opens: open the database. A throw or rejection ends the start. */
  readonly onStart?: (() => unknown) | undefined
  /** After the last answer: close the database. */
  readonly onStop?: (() => unknown) | undefined
}

export interface About {
  readonly version?: string | undefined
  readonly tags?: readonly string[] | undefined
  readonly meta?: Readonly<Record<string, string>> | undefined
}

export function isServable(value: unknown): value is Servable {
  return typeof value === 'object' && value !== null && 'name' in value && '~app' in value
}
