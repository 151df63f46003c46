/**
 * Takes on no more than the instance can do, and refuses the rest while asking elsewhere still makes sense. A request counts from
 * here until its answer has begun: what streams for an hour after that is no work that others wait for. A handler that goes
 * on although nobody waits for it any longer still counts.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../../core/clock.ts'
import { SkeinError } from '../../core/errors.ts'
import type { Exchange, Host, Reply, ServiceStep } from '../exchange.ts'
import type { ShedReason, Waiting } from '../limit/contract.ts'
import { Limiter } from '../limit/limiter.ts'
import { createLimit, type LimitConfig } from '../limit/limits.ts'
import { Overload } from '../overload.ts'
import type { App } from '../servable.ts'

type Next = Parameters<ServiceStep>[1]

/** Undefined: no limit, and no step. */
export function admit({ limit: config, server }: Pick<App, 'limit' | 'server'>): ServiceStep | undefined {
  if (config === false) return undefined
  let admission: Admission | undefined
  return (exchange, next) => {
    // With the first request: by then the host knows its instance's name.
    admission ??= new Admission(exchange.host, config, server === 'node')
    return admission.admit(exchange, next)
  }
}

class Admission {
  readonly #clock: Clock
  readonly #limiter: Limiter
  readonly #overload: Overload
  /** The app writes its answers itself: when one begins is seen at node:http's response. */
  readonly #appAnswers: boolean

  constructor(host: Host, config: LimitConfig | undefined, appAnswers: boolean) {
    this.#clock = host.clock
    this.#appAnswers = appAnswers
    const limit = createLimit(config)!
    this.#limiter = new Limiter({ limit, clock: host.clock, afterTurn: setImmediate })
    this.#overload = new Overload(host, this.#limiter)
  }

  admit(exchange: Exchange, next: Next): Promise<Reply | undefined> {
    // The steps above have not waited, so it is still now; reading the clock costs more than all they do.
    const { startedAt: now, deadline } = exchange
    const verdict = this.#limiter.ask(exchange.priority, deadline, now)
    if (verdict === 'go') return this.#work(exchange, next, now)
    if (verdict === 'wait') return this.#wait(exchange, next, now)
    return Promise.reject(this.#refuse(exchange, verdict))
  }

  #wait(exchange: Exchange, next: Next, since: number): Promise<Reply | undefined> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        priority: exchange.priority,
        since,
        deadline: exchange.deadline,
        // It is called from within the request that ends, whose context (a user, a transaction) is none of this one's.
        go: AsyncLocalStorage.bind(() => {
          forget()
          resolve(this.#work(exchange, next, this.#clock.monotonic()))
        }),
        shed: (reason) => {
          forget()
          reject(this.#refuse(exchange, reason))
        },
      }
      const forget = exchange.cancel.on((reason) => {
        this.#limiter.forget(waiting)
        if (reason.code === 'DEADLINE_EXCEEDED') this.#shed(exchange, 'deadline')
        reject(reason)
      })
      this.#limiter.wait(waiting)
    })
  }

  #work(exchange: Exchange, next: Next, startedAt: number): Promise<Reply | undefined> {
    let over = false
    const end = (tells: boolean) => {
      if (over) return
      over = true
      const { operation, priority } = exchange
      const counts = tells && priority !== 'health'
      this.#limiter.leave({ operation, startedAt, endedAt: this.#clock.monotonic(), inFlight: 0, tells: counts })
      this.#overload.look()
    }
    if (this.#appAnswers) onHead(exchange, end)
    return next(exchange).then(
      (reply) => {
        if (reply !== undefined) end(true)
        return reply
      },
      (error) => {
        if (exchange.leftBehind === undefined) end(false)
        else void exchange.leftBehind.then(() => end(true))
        throw error
      },
    )
  }

  #shed({ priority, span }: Exchange, reason: ShedReason): void {
    this.#overload.shed(priority, reason)
    span?.decide('shed', { priority, reason })
  }

  #refuse(exchange: Exchange, reason: ShedReason): SkeinError {
    this.#shed(exchange, reason)
    const { name, instance } = exchange.host
    if (exchange.millisecondsLeft() === 0) {
      return new SkeinError('DEADLINE_EXCEEDED', `${name}: not begun, no time was left`, { service: name })
    }
    return new SkeinError('OVERLOADED', `${instance} has more to do than it can`, { service: name, reason })
  }
}

/** Calls `end` when the answer's head is written, or the exchange is over without one. */
function onHead(exchange: Exchange, end: (tells: boolean) => void): void {
  const { response } = exchange.inbound.node!
  const { writeHead } = response
  exchange.onEnd(() => end(false))
  response.writeHead = function begun(this: typeof response, ...args: Parameters<typeof writeHead>) {
    end(args[0] < 400)
    return Reflect.apply(writeHead, this, args)
  } as typeof writeHead
}
