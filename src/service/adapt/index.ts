/** Apps of other frameworks as services: one call each, for `serve()` or as the default export for `skein run`. */
export type { AdaptOptions, NodeHandler } from './app.ts'
export { adaptExpress } from './express.ts'
export { adaptFastify, type FastifyApp } from './fastify.ts'
export { adaptHandler } from './node.ts'
