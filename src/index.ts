/**
 * What applications import from 'skein'. Gateway, registry and fleet are not loaded by it: a service pays for what it uses.
 */
export { type FleetConfig, fleet, type RegistryConfig, type ServiceConfig } from './cli/define.ts'
export { CallError } from './client/call-error.ts'
export type { CallPolicy } from './client/contract.ts'
export { closeDefaults } from './client/default.ts'
export { type CallOptions, type Client, type ClientOptions, client, isCallError } from './client/typed.ts'
export type { OperationType, Route, Schema, ServiceType } from './core/contract.ts'
export { type ErrorCode, SkeinError } from './core/errors.ts'
export { ConfigError } from './core/issues.ts'
export type { Logger } from './core/log.ts'
export type { Attributes, AttributeValue, Span } from './core/span.ts'
export type { CustomStep, StepRequest } from './gateway/rule/steps.ts'
export * from './service/index.ts'
export { inSpan } from './telemetry/spans/in-span.ts'
