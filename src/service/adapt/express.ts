import type { Servable } from '../servable.ts'
import { type AdaptOptions, adaptApp, type NodeHandler } from './app.ts'

/** An Express app is itself a handler. Do not call its `listen`: `serve()` or `skein run` does. */
export function adaptExpress(name: string, app: NodeHandler, options: AdaptOptions = {}): Servable {
  return adaptApp(name, app, options)
}
