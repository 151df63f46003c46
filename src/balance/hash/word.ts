/**
 * A 64-bit word as two signed 32-bit halves, changed in place. BigInt would read better and cost about ten times as much:
 * it allocates on every operation, and hash policies run these on every request.
 */
export class Word {
  hi: number
  lo: number

  constructor(hi = 0, lo = 0) {
    this.hi = hi | 0
    this.lo = lo | 0
  }

  set(hi: number, lo: number): void {
    this.hi = hi | 0
    this.lo = lo | 0
  }

  xor(other: Word): void {
    this.hi ^= other.hi
    this.lo ^= other.lo
  }

  add(other: Word): void {
    const lo = (this.lo >>> 0) + (other.lo >>> 0)
    this.hi = (this.hi + other.hi + (lo > 0xffff_ffff ? 1 : 0)) | 0
    this.lo = lo | 0
  }

  multiply(other: Word): void {
    const crossed = Math.imul(this.hi, other.lo) + Math.imul(this.lo, other.hi)
    this.hi = (crossed + highProduct(this.lo, other.lo)) | 0
    this.lo = Math.imul(this.lo, other.lo)
  }

  /** `bits` from 1 to 31. */
  rotateLeft(bits: number): void {
    const { hi, lo } = this
    this.hi = (hi << bits) | (lo >>> (32 - bits))
    this.lo = (lo << bits) | (hi >>> (32 - bits))
  }

  /** `bits` from 1 to 63. */
  xorShiftRight(bits: number): void {
    const { hi } = this
    if (bits < 32) {
      this.lo ^= (this.lo >>> bits) | (hi << (32 - bits))
      this.hi ^= hi >>> bits
    } else this.lo ^= hi >>> (bits - 32)
  }

  /** `bits` from 1 to 31. */
  xorShiftLeft(bits: number): void {
    const { lo } = this
    this.hi ^= (this.hi << bits) | (lo >>> (32 - bits))
    this.lo ^= lo << bits
  }

  modulo(divisor: number): number {
    return moduloOf(this.hi, this.lo, divisor)
  }

  toBigInt(): bigint {
    return (BigInt(this.hi >>> 0) << 32n) | BigInt(this.lo >>> 0)
  }
}

/** Remainder by `divisor` < 2²⁶, so that no product leaves the exact range of a double. */
export function moduloOf(hi: number, lo: number, divisor: number): number {
  return (((hi >>> 0) % divisor) * (2 ** 32 % divisor) + (lo >>> 0)) % divisor
}

/** The upper half of a 32 × 32 bit unsigned product, by 16-bit limbs. */
function highProduct(a: number, b: number): number {
  const aLow = a & 0xffff
  const bLow = b & 0xffff
  const aHigh = a >>> 16
  const bHigh = b >>> 16
  const middle = (Math.imul(aHigh, bLow) >>> 0) + (Math.imul(aLow, bLow) >>> 16)
  const carried = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff)
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carried >>> 16)) | 0
}
