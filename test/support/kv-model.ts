/** One key of the registry's KV store as its clients know it, for linearizable.ts. Where values are compared each is written once only. */
import type { Model } from './linearizable.ts'

export type KvInput =
  | { readonly do: 'get' }
  | { readonly do: 'put'; readonly value: string }
  /** `expected`: the value that had the index which was sent; undefined = the key's absence. */
  | { readonly do: 'cas'; readonly expected: string | undefined; readonly value: string }
  | { readonly do: 'delete' }
  | { readonly do: 'delete-cas'; readonly expected: string }

/** The value read (undefined: none), or whether the write was done. */
export type KvOutput = { readonly value: string | undefined } | { readonly done: boolean }

/** Value of the key; '' = it does not exist. */
export const KV_MODEL: Model<string, KvInput, KvOutput> = {
  initial: '',
  textOf: (state) => state,
  step(state, input, output) {
    if (input.do === 'get') {
      if (output === undefined) return state
      return 'value' in output && (output.value ?? '') === state ? state : undefined
    }
    const { done, after } = write(state, input)
    const said = output === undefined || !('done' in output) ? done : output.done
    return said === done ? after : undefined
  },
}

function write(state: string, input: Exclude<KvInput, { do: 'get' }>): { done: boolean; after: string } {
  switch (input.do) {
    case 'put':
      return { done: true, after: input.value }
    case 'delete':
      return { done: true, after: '' }
    case 'cas':
      return (input.expected ?? '') === state ? { done: true, after: input.value } : { done: false, after: state }
    case 'delete-cas':
      // Consul: deleting what is not there succeeds, whatever the index.
      if (state === '') return { done: true, after: '' }
      return input.expected === state ? { done: true, after: '' } : { done: false, after: state }
  }
}
