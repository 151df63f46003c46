/** The version of this package. */
import { existsSync, readFileSync } from 'node:fs'

/** The built package has cli/ beside package.json; in a checkout src/ lies between. */
const PLACES = ['../package.json', '../../package.json'] as const

export function version(): string {
  const file = PLACES.map((place) => new URL(place, import.meta.url)).find((url) => existsSync(url))
  if (file === undefined) throw new Error('package.json of skein is missing')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
