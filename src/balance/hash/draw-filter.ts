/**
 * Which draws of rendezvous hashing can be the highest, found four at a time by 200 bytes of WebAssembly: a third of a nanosecond for each
 * endpoint, where JavaScript takes two and a half. It stands here by hand because a compiler would be a build step, for a loop of thirty
 * instructions. It only ever passes over what cannot win: who does is decided in JavaScript (`draws.ts`), which does without
 * it where there is none (`node --jitless`).
 */

import type { Word } from './word.ts'

/** What the runtime has, as far as it is needed here; the types of Node do not say. */
interface Wasm {
  readonly Memory: new (options: { initial: number }) => { readonly buffer: ArrayBuffer; grow(pages: number): number }
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: { readonly skip: Skip } }
}

/**
 * From byte `at` on up to `end`, the first block that has a number whose upper half is at least `least`; `end` when there is none. A block
 * is four upper halves and then four lower ones. `keyHi` and `keyLo` are XORed to each before the product.
 */
type Skip = (at: number, end: number, keyHi: number, keyLo: number, least: number) => number

export const MULTIPLIER_HI = 0x2545f491
export const MULTIPLIER_LO = 0x4f6cdd1d
/** The bits of the upper half that count. */
export const UPPER_BITS = 0x1f_ffff
export const BLOCK_BYTES = 32
const PAGE_BYTES = 65_536
/** Enough for 130,000 endpoints; it grows for more. */
const PAGES = 16

// Opcodes, as https://webassembly.github.io/spec/core/binary/instructions.html lists them.
const [BLOCK, LOOP, END, BRANCH_IF] = [[0x02, 0x40], [0x03, 0x40], [0x0b], (depth: number) => [0x0d, depth]] as const
const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]
const tee = (local: number) => [0x22, local]
const [I32_LESS_U, I32_ADD] = [[0x49], [0x6a]]
const vector = (opcode: number) => [0xfd, ...unsigned(opcode)]
const load = (offset: number) => [...vector(0x00), 4, offset]
const [SPLAT, AND, XOR, ANY_TRUE] = [vector(0x11), vector(0x4e), vector(0x51), vector(0x53)]
const [GREATER_EQUAL, ADD, MULTIPLY] = [vector(0x3f), vector(0xae), vector(0xb5)]
const [PRODUCT_OF_FIRST_TWO, PRODUCT_OF_LAST_TWO] = [vector(0xde), vector(0xdf)]
/** Of four 64-bit products the upper halves. */
const UPPER_HALVES = [...vector(0x0d), 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31]
const [TYPE_I32, TYPE_VECTOR, TYPE_FUNCTION] = [0x7f, 0x7b, 0x60]

const [AT, TO, KEY_HI, KEY_LO, LEAST] = [0, 1, 2, 3, 4]
const [KEYS_HI, KEYS_LO, LEASTS, FACTORS_HI, FACTORS_LO, MASKS, LOWER] = [5, 6, 7, 8, 9, 10, 11]
const VECTORS = 7

const SKIP = [
  ...[...get(KEY_HI), ...SPLAT, ...set(KEYS_HI), ...get(KEY_LO), ...SPLAT, ...set(KEYS_LO)],
  ...[...constant(MULTIPLIER_HI), ...SPLAT, ...set(FACTORS_HI), ...constant(MULTIPLIER_LO), ...SPLAT],
  ...[...set(FACTORS_LO), ...constant(UPPER_BITS), ...SPLAT, ...set(MASKS), ...get(LEAST), ...SPLAT, ...set(LEASTS)],
  ...[...BLOCK, ...LOOP],
  // (lower × factor's lower) >> 32
  ...[...get(AT), ...load(16), ...get(KEYS_LO), ...XOR, ...tee(LOWER), ...get(FACTORS_LO), ...PRODUCT_OF_FIRST_TWO],
  ...[...get(LOWER), ...get(FACTORS_LO), ...PRODUCT_OF_LAST_TWO, ...UPPER_HALVES],
  // + upper × factor's lower + lower × factor's upper
  ...[...get(AT), ...load(0), ...get(KEYS_HI), ...XOR, ...get(FACTORS_LO), ...MULTIPLY, ...ADD],
  ...[...get(LOWER), ...get(FACTORS_HI), ...MULTIPLY, ...ADD],
  ...[...get(MASKS), ...AND, ...get(LEASTS), ...GREATER_EQUAL, ...ANY_TRUE, ...BRANCH_IF(1)],
  ...[...get(AT), ...constant(BLOCK_BYTES), ...I32_ADD, ...tee(AT), ...get(TO), ...I32_LESS_U, ...BRANCH_IF(0)],
  ...[...END, ...END, ...get(AT), ...END],
]

const MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, TYPE_FUNCTION, 5, TYPE_I32, TYPE_I32, TYPE_I32, TYPE_I32, TYPE_I32, 1, TYPE_I32]),
  ...section(2, [1, ...text('js'), ...text('memory'), 2, 0, 1]),
  ...section(3, [1, 0]),
  ...section(7, [1, ...text('skip'), 0, 0]),
  ...section(10, [1, ...sized([1, VECTORS, TYPE_VECTOR, ...SKIP])]),
])

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)]
}

function sized(content: readonly number[]): number[] {
  return [...unsigned(content.length), ...content]
}

function text(name: string): number[] {
  return sized([...Buffer.from(name)])
}

function constant(value: number): number[] {
  const bytes = [0x41]
  for (let rest = value; ; rest >>= 7) {
    const isLast = rest >= -64 && rest < 64
    bytes.push((rest & 127) | (isLast ? 0 : 128))
    if (isLast) return bytes
  }
}

/** LEB128, as `constant` of one with a sign. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]
}

/** One memory for all: each reserves gigabytes of addresses, so whoever picks next brings its blocks in, where they are not there yet. */
export class DrawFilter {
  readonly #memory: InstanceType<Wasm['Memory']>
  readonly #skip: Skip
  #inside: Int32Array | undefined

  /** undefined where the runtime has no WebAssembly, or may not reserve addresses for its memory (`ulimit -v`). */
  static create(): DrawFilter | undefined {
    const { WebAssembly } = globalThis as unknown as { readonly WebAssembly?: Wasm }
    try {
      return WebAssembly && new DrawFilter(WebAssembly)
    } catch (error) {
      if (error instanceof RangeError) return undefined
      throw error
    }
  }

  private constructor({ Memory, Module, Instance }: Wasm) {
    this.#memory = new Memory({ initial: PAGES })
    this.#skip = new Instance(new Module(MODULE), { js: { memory: this.#memory } }).exports.skip
  }

  /** As `Skip`, of `blocks`. */
  skip(blocks: Int32Array, at: number, end: number, key: Word, least: number): number {
    if (this.#inside !== blocks) this.#bringIn(blocks)
    return this.#skip(at, end, key.hi, key.lo, least)
  }

  #bringIn(blocks: Int32Array): void {
    const lacking = blocks.byteLength - this.#memory.buffer.byteLength
    if (lacking > 0) this.#memory.grow(Math.ceil(lacking / PAGE_BYTES))
    new Int32Array(this.#memory.buffer).set(blocks)
    this.#inside = blocks
  }
}
