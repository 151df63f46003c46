/**
 * The Huffman code of HPACK (RFC 7541 §5.2, appendix B). It is canonical: codes are counted up, shorter ones first, and of one
 * length the lower octet first. So the lengths are all there is to know. Pure.
 */
import { CODE, H2ConnectionError } from './codes.ts'

/** Bits of each octet's code as a digit of base 36; the last is that of the end of a text. */
const LENGTHS = [
  'dnsssssssoussussssssssusssssssss',
  '6aacd68baa8b8666555666666678f6ca',
  'd67777777777777777777777878djde6',
  'f56565666577666567655677777fbeds',
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnno',
  'mlkmmnnlnmmolmnnllmlnmnnkmmmnmmn',
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrr',
  'koklmllnmmppooqnqrqqrrrrrsrrrrrq',
  'u',
].join('')
const END = 256

/**
 * A machine that eats four bits at a time: no code is shorter than five, so each step says one octet at most. A state is a place
 * in the tree of codes. An entry is the next state, EMITS and the octet where one is said, or BROKEN.
 */
const EMITS = 0x10000
const BROKEN = -1
const STATES = new Int32Array(256 * 16)
const OCTETS = new Uint8Array(256 * 16)
/** States in which a text may end: less than eight bits into a code, and all of them ones (§5.2). */
const MAY_END = new Uint8Array(256)

/** Inner nodes of the tree, two children each: a higher inner node, or an octet as -1 - octet. */
function buildTree(): number[][] {
  const tree: number[][] = [[]]
  const order = [...LENGTHS].map((digit, octet) => ({ octet, length: Number.parseInt(digit, 36) }))
  order.sort((a, b) => a.length - b.length || a.octet - b.octet)
  let code = 0
  let before = order[0]!.length
  for (const { octet, length } of order) {
    code *= 2 ** (length - before)
    before = length
    plant(tree, code++, length, octet)
  }
  return tree
}

function plant(tree: number[][], code: number, length: number, octet: number): void {
  let node = 0
  for (let bit = length - 1; bit > 0; bit--) {
    const side = (code >>> bit) & 1
    tree[node]![side] ??= tree.push([]) - 1
    node = tree[node]![side]!
  }
  tree[node]![code & 1] = -1 - octet
}

function buildSteps(tree: number[][]): void {
  for (let state = 0; state < tree.length; state++) {
    for (let bits = 0; bits < 16; bits++) {
      const at = state * 16 + bits
      let node = state
      for (let bit = 3; bit >= 0 && STATES[at] !== BROKEN; bit--) {
        const next = tree[node]![(bits >>> bit) & 1]!
        node = Math.max(0, next)
        if (next === -1 - END) STATES[at] = BROKEN
        else if (next < 0) {
          OCTETS[at] = -1 - next
          STATES[at] = EMITS
        }
      }
      if (STATES[at] !== BROKEN) STATES[at] = STATES[at]! | node
    }
  }
  for (let node = 0, ones = 0; ones < 8; ones++) {
    MAY_END[node] = 1
    node = tree[node]![1]!
  }
}

buildSteps(buildTree())

let scratch = Buffer.allocUnsafeSlow(4096)

/** The text, as Latin-1. @throws H2ConnectionError on what is no such code */
export function readHuffman(bytes: Buffer, from: number, to: number): string {
  // The shortest codes have five bits.
  const most = Math.ceil(((to - from) * 8) / 5)
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most)
  let length = 0
  let state = 0
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    const high = state * 16 + (byte >>> 4)
    const first = STATES[high]!
    if (first === BROKEN) throw broken()
    if (first >= EMITS) scratch[length++] = OCTETS[high]!
    const low = (first & 0xff) * 16 + (byte & 15)
    const second = STATES[low]!
    if (second === BROKEN) throw broken()
    if (second >= EMITS) scratch[length++] = OCTETS[low]!
    state = second & 0xff
  }
  if (MAY_END[state] !== 1) throw broken()
  return scratch.toString('latin1', 0, length)
}

function broken(): H2ConnectionError {
  return new H2ConnectionError(CODE.compression, 'a text of a header block is no Huffman code')
}
