import type { ExchangeObserver } from './contract.ts'

/** Before a handler has said who wants to know what becomes of its answer. */
export const NOBODY: ExchangeObserver = { drained() {}, gone() {}, done() {} }
