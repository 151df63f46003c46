/** What a hostile case is: raw bytes, and what a server must make of them. All text is latin1: a character is a byte. */

/** A request as it must arrive behind the gateway. */
export interface Forwarded {
  readonly method: string
  readonly target: string
  /** Default ''. */
  readonly body?: string
  /**
   * All fields but those that the gateway writes itself and framing, names in lower case, in order; default: the Host of
   * `HOST` alone.
   */
  readonly fields?: readonly (readonly [name: string, value: string])[]
}

/** What must become of the bytes of one connection. */
export interface Expected {
  /** What is forwarded, in this order, and nothing else. Default: nothing. */
  readonly forward?: readonly Forwarded[]
  /** Then a request is refused with this status, and the connection ends. */
  readonly refuse?: number
  /** The request is whole, so its connection may go on behind the refusal. */
  readonly mayGoOn?: true
  /** Then the connection ends, with or without an answer: there is nobody left to tell, or nothing to tell. */
  readonly drop?: true
}

export interface RequestCase extends Expected {
  readonly what: string
  readonly bytes: string
  /** The client ends its side behind the bytes. */
  readonly end?: boolean
  /** So malformed that the service kit's server must refuse it as well, with whatever it finds wrong first. */
  readonly malformed?: true
}

/** What an upstream says to one GET (or HEAD), and what the client must get. */
export interface ResponseCase {
  readonly what: string
  /** Of the request. Default GET. */
  readonly method?: 'GET' | 'HEAD'
  /** What the upstream writes once the request is there. */
  readonly bytes: string
  /** How the upstream goes on: keeps the connection (default), ends it, or resets it. */
  readonly after?: 'end' | 'reset'
  /** A whole answer with this status (and body and fields), or `cut`: a head, and then no whole body. */
  readonly expect:
    | {
        readonly status: number
        readonly body?: string
        /** Values that must be there, or null for a name that must not. */
        readonly fields?: Readonly<Record<string, string | null>>
      }
    | 'cut'
  /** May the next request go over the same connection? Default false: then it must not. */
  readonly reusable?: boolean
}

export const HOST = 'a.example'
