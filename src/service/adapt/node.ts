import type { Servable } from '../servable.ts'
import { type AdaptOptions, adaptApp, type NodeHandler } from './app.ts'

/** Anything that can be given to `http.createServer`: Koa's `app.callback()`, Hono's node listener, a plain function. */
export function adaptHandler(name: string, handler: NodeHandler, options: AdaptOptions = {}): Servable {
  return adaptApp(name, handler, options)
}
