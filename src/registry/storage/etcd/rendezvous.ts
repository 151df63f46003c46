/**
 * Who of several has a key: the one whose hash with it is highest (rendezvous hashing, Thaler and Ravishankar 1998). When
 * one goes only its keys move, when one comes it takes its share from all.
 */
export function rendezvous(members: Iterable<string>, key: string): string | undefined {
  let winner: string | undefined
  let highest = -1
  for (const member of members) {
    const weight = hash(`${member}\n${key}`)
    if (weight < highest || (weight === highest && member < winner!)) continue
    winner = member
    highest = weight
  }
  return winner
}

/** FNV-1a over UTF-16 units, with the last mixing of MurmurHash3, for FNV spreads the last characters badly. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
