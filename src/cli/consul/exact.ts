/** JSON whose whole numbers keep all their digits: a key's Flags have 64 bits, a JavaScript number 53. */

/** Node has them since 22; the types of TypeScript's library do not know them yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
const { parse, rawJSON } = JSON as unknown as {
  parse(text: string, reviver: Reviver): unknown
  rawJSON(text: string): unknown
}

/** Numbers that would lose digits come as BigInt. @throws SyntaxError. */
export function parseExact(text: string): unknown {
  return parse(text, (_key, value, { source = '' }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? BigInt(source) : value,
  )
}

export function showExact(value: unknown, indent?: string): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? rawJSON(String(one)) : one), indent)
}
