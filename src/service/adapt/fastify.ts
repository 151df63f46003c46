import type { EventEmitter } from 'node:events'
import type { Servable } from '../servable.ts'
import { type AdaptOptions, adaptApp, type NodeHandler } from './app.ts'

/** What is used of a Fastify instance: no import, so that Skein does not depend on it. */
export interface FastifyApp {
  ready(): PromiseLike<unknown>
  close(): PromiseLike<unknown>
  readonly routing: NodeHandler
  readonly server: EventEmitter
}

/**
 * A Fastify instance. Do not call its `listen`: `serve()` or `skein run` does. Its `onReady` and `onClose` hooks run at start
 * and stop; plugins that listen for `upgrade` on its server (WebSocket) get theirs.
 */
export function adaptFastify(name: string, app: FastifyApp, options: AdaptOptions = {}): Servable {
  const onStart = async () => {
    await options.onStart?.()
    await app.ready()
  }
  const onStop = async () => {
    await app.close()
    await options.onStop?.()
  }
  const upgrade: AdaptOptions['upgrade'] = (request, socket, head) => {
    if (!app.server.emit('upgrade', request, socket, head)) socket.destroy()
  }
  return adaptApp(name, (request, response) => app.routing(request, response), { upgrade, ...options, onStart, onStop })
}
