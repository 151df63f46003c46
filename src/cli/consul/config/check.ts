/** Looks through one configuration file: mistakes end the start, unknown and useless keys are warned about. */
import { type IssueList, nearest } from '../../../core/issues.ts'
import { parseDuration } from '../../../registry/api/duration.ts'
import { KEYS, type Key, type Keys, type KeyType } from './keys.ts'

export type Fields = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const TYPES: Record<Exclude<KeyType, Keys>, { fits(value: unknown): boolean; expected: string }> = {
  text: { fits: (value) => typeof value === 'string', expected: 'a text' },
  number: { fits: (value) => Number.isSafeInteger(value) && Number(value) >= 0, expected: 'a whole number' },
  port: {
    fits: (value) => Number.isInteger(value) && Number(value) >= -1 && Number(value) <= 65_535,
    expected: 'a port: -1 (off) to 65535',
  },
  flag: { fits: (value) => typeof value === 'boolean', expected: 'true or false' },
  duration: { fits: isDuration, expected: 'a duration such as "10s"' },
  object: {
    fits: (value) => isObject(value) || (Array.isArray(value) && value.every(isObject)),
    expected: 'an object',
  },
  list: { fits: (value) => Array.isArray(value) && value.every(isObject), expected: 'a list of objects' },
  texts: { fits: (value) => [value].flat().every((one) => typeof one === 'string'), expected: 'a list of texts' },
  durations: {
    fits: (value) => isObject(value) && Object.values(value).every(isDuration),
    expected: 'durations by name, such as {"*": "10s"}',
  },
  any: { fits: () => true, expected: '' },
}

function isDuration(value: unknown): boolean {
  try {
    return typeof value === 'string' && parseDuration(value) >= 0
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** Adds mistakes to `issues` and gives the warnings back. */
export function checkFields(fields: Fields, issues: IssueList, keys: Keys = KEYS, above = ''): string[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    const place = `${above}${name}`
    const key = Object.hasOwn(keys, name) ? keys[name] : undefined
    if (key === undefined) return [unknownKey(place, name, keys)]
    if (key.ignored !== undefined) return value === false ? [] : [`${place} has no effect: ${key.ignored}`]
    return checkValue(value, key, issues, place)
  })
}

function unknownKey(place: string, name: string, keys: Keys): string {
  const near = nearest(name, Object.keys(keys))
  return `unknown key ${place} has no effect${near === undefined ? '' : `; did you mean ${near}?`}`
}

function checkValue(value: unknown, { type }: Key, issues: IssueList, place: string): string[] {
  if (typeof type === 'object') {
    if (isObject(value)) return checkFields(value, issues, type, `${place}.`)
    issues.add(place, 'must be an object', `Write it as {${Object.keys(type)[0]}: …}.`)
  } else if (!TYPES[type].fits(value)) {
    issues.add(place, `${JSON.stringify(value)} is not ${TYPES[type].expected}`, `Write ${TYPES[type].expected}.`)
  }
  return []
}
