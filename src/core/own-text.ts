/** The same in memory of its own: a text that was cut out of a head, or put together with one, would keep all of the head. */
export function ownText(text: string): string {
  return Buffer.from(text).toString()
}
