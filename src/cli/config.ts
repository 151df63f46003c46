/** The configuration file: what it holds, how it is read, what may be wrong with it. */
export { checkConfig } from './config/check.ts'
export { findConfig, type LoadedConfig, loadConfig } from './config/load.ts'
export { type FleetConfig, fleet, type RegistryConfig, type ServiceConfig } from './define.ts'
