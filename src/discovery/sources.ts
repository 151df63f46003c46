/** The built-in sources by name. */
import { consulSource } from './source/consul.ts'
import { staticSource } from './source/static.ts'

export const SOURCES = { consul: consulSource, static: staticSource } as const

export type SourceName = keyof typeof SOURCES
