/** The service kit. */
export {
  type Operation,
  type OperationOptions,
  op,
  type Service,
  type ServiceOptions,
  service,
  type Wire,
} from './define.ts'
export type { LimitConfig } from './limit/limits.ts'
export type { OperationContext } from './operation.ts'
export { type AppHooks, isServable, type Servable } from './servable.ts'
export { type RunningService, type ServeOptions, serve } from './serve.ts'
