/**
 * Only endpoints with this metadata: `{ version: '2', tag: 'gpu' }`, where `tag` stands for one of the tags. All entries must
 * hold. It is a condition and no preference: when nobody meets it there is no choice, unless `otherwise` is `'any'`.
 */
import type { Endpoint } from '../contract.ts'
import type { ScopeFactory } from './contract.ts'

export function subset(wanted: Readonly<Record<string, string>>, otherwise: 'any' | 'none' = 'none'): ScopeFactory {
  const conditions = Object.entries(wanted)
  const fits = (endpoint: Endpoint) => conditions.every(([key, value]) => has(endpoint, key, value))
  return () => ({
    parts(endpoints) {
      const inside = { name: 'subset', members: endpoints.filter(fits) }
      return otherwise === 'any' ? [inside, { name: 'all', members: endpoints }] : [inside]
    },
    asked: (parts) => parts.map((part) => ({ part })),
    shares: (parts) => parts.map((_, i) => (i === 0 ? 1 : 0)),
  })
}

function has({ meta, tags }: Endpoint, key: string, value: string): boolean {
  return key === 'tag' ? tags?.includes(value) === true : meta?.[key] === value
}
