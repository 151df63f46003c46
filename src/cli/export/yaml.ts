/** Data as YAML that people like to read: blocks for objects, a line for short lists, quotes only where YAML wants them. */

export type Data = string | number | boolean | null | readonly string[] | { readonly [name: string]: Data | undefined }

/**
 * Text without line breaks; undefined members are left out, null ones are written without a value. A member `x-…` has its name as an
 * anchor, and a member `<<` names the anchor whose members stand here, too.
 */
export function toYaml(data: Data, indent = ''): string {
  if (data === null) return ''
  if (typeof data !== 'object') return scalar(data)
  if (Array.isArray(data)) return `[${data.map(scalar).join(', ')}]`
  const entries = Object.entries(data).filter((entry): entry is [string, Data] => entry[1] !== undefined)
  return entries.map(([name, value]) => `${indent}${line(name, value, indent)}`).join('\n')
}

function line(name: string, value: Data, indent: string): string {
  if (name === '<<') return `<<: *${value}`
  return `${scalar(name)}:${name.startsWith('x-') ? ` &${name}` : ''}${member(value, indent)}`
}

function member(value: Data, indent: string): string {
  if (value === null) return ''
  const isBlock = typeof value === 'object' && !Array.isArray(value)
  if (isBlock && Object.keys(value).length > 0) return `\n${toYaml(value, `${indent}  `)}`
  return ` ${isBlock ? '{}' : toYaml(value)}`
}

/** What YAML could take for something else than this text (a number, true, a time, a comment) is quoted, as JSON quotes. */
const PLAIN = /^(?!(?:true|false|yes|no|on|off|null|y|n)$)[A-Za-z/][\w/.-]*$/i

function scalar(value: string | number | boolean): string {
  return typeof value !== 'string' || PLAIN.test(value) ? String(value) : JSON.stringify(value)
}
