/** How long is the body: Content-Length, Transfer-Encoding, both, neither. */
import { HOST, type RequestCase } from '../contract.ts'
import { CONTROLS, chunked, get, hex, post, raw, SMUGGLED } from './build.ts'

const refuse = (what: string, bytes: string): RequestCase => ({ what, bytes, refuse: 400, malformed: true })
/** Malformed at the edge; servers that read on by RFC 9112 may take it. */
const atEdge = (what: string, bytes: string): RequestCase => ({ what, bytes, refuse: 400 })
const take = (what: string, bytes: string, body: string): RequestCase => ({
  what,
  bytes,
  forward: [{ method: 'POST', target: '/x', body }],
})

const LENGTHS_REFUSED: Readonly<Record<string, string>> = {
  signed: '+3',
  negative: '-3',
  'minus zero': '-0',
  hex: '0x3',
  'octal prefix': '0o3',
  'with a point': '3.0',
  'with an exponent': '3e0',
  'with a comma': '3,',
  'a list of equals': '3, 3',
  'a list of different ones': '3, 30',
  'a list without blanks': '3,3',
  'with a semicolon': '3;',
  'with a word behind': '3 bytes',
  'two numbers': '3 3',
  quoted: '"3"',
  empty: '',
  'only blanks': '   ',
  'a word': 'three',
  'a separator': '1_0',
  'an Arabic digit in UTF-8': '\xd9\xa3',
  'a superscript digit': '\xb3',
  'a no-break space behind': '3\xa0',
  'beyond 64 bits': '18446744073709551619',
  'beyond 63 bits': '9223372036854775811',
  'beyond exact numbers': '9007199254740995',
  'of 400 digits': '3'.repeat(400),
  infinite: 'Infinity',
}

const CODINGS_REFUSED: Readonly<Record<string, string>> = {
  xchunked: 'xchunked',
  chunkedx: 'chunkedx',
  'chunked with a parameter': 'chunked;q=1',
  'chunked with a semicolon': 'chunked;',
  'chunked with a comma behind': 'chunked,',
  'a comma before chunked': ',chunked',
  'chunked, identity': 'chunked, identity',
  'identity, chunked': 'identity, chunked',
  'chunked, chunked': 'chunked, chunked',
  'chunked, gzip': 'chunked, gzip',
  'chunked in quotes': '"chunked"',
  'chunked in single quotes': "'chunked'",
  'chunked with a blank inside': 'chun ked',
  'chunked with a dot': 'chunked.',
  'chunked in a comment': '(chunked)',
  'a no-break space before chunked': '\xa0chunked',
  'a byte above ASCII behind': 'chunked\xff',
  'Kelvin sign for k': 'chun\xe2\x84\xaaed',
  nothing: '',
  cow: 'cow',
}

/** Codings that exist. Node passes those that end in chunked; nobody behind the gateway needs to. */
const CODINGS_UNKNOWN: Readonly<Record<string, string>> = {
  identity: 'identity',
  gzip: 'gzip',
  'gzip, chunked': 'gzip, chunked',
  'deflate, chunked': 'deflate, chunked',
  'gzip,chunked': 'gzip,chunked',
}

const END = `0\r\n\r\n${SMUGGLED}`

export const FRAMING: readonly RequestCase[] = [
  take('Content-Length 3', post(['Content-Length: 3'], 'abc'), 'abc'),
  take('Content-Length 0', post(['Content-Length: 0'], ''), ''),
  take('Content-Length with blanks around', post(['Content-Length: \t 3 \t '], 'abc'), 'abc'),
  take('Content-Length without a blank', post(['Content-Length:3'], 'abc'), 'abc'),
  take('content-length in capitals', post(['CONTENT-LENGTH: 3'], 'abc'), 'abc'),
  take('a body with an empty line and a request in it', post([`Content-Length: ${END.length}`], END), END),
  take('a body of all bytes', post(['Content-Length: 256'], allBytes()), allBytes()),
  take('no body at all', post([], ''), ''),
  take('chunked', chunked('3\r\nabc\r\n0\r\n\r\n'), 'abc'),
  take('chunked in capitals', post(['TRANSFER-ENCODING: CHUNKED'], '3\r\nabc\r\n0\r\n\r\n'), 'abc'),
  take('a tab before chunked', post(['Transfer-Encoding:\tchunked'], '3\r\nabc\r\n0\r\n\r\n'), 'abc'),
  take('blanks behind chunked', post(['Transfer-Encoding: chunked \t '], '3\r\nabc\r\n0\r\n\r\n'), 'abc'),
  {
    what: 'a GET with a body',
    bytes: `${get('/x', 'Content-Length: 3')}abc`,
    forward: [{ method: 'GET', target: '/x', body: 'abc' }],
  },
  ...Object.entries(LENGTHS_REFUSED).map(([what, value]) =>
    refuse(`Content-Length ${what}`, post([`Content-Length: ${value}`], `abc${SMUGGLED}`)),
  ),
  ...CONTROLS.map((control) =>
    refuse(`Content-Length with \\x${hex(control)} before`, post([`Content-Length: ${control}3`], 'abc')),
  ),
  refuse('Content-Length with a vertical tab behind', post(['Content-Length: 3\x0b'], 'abc')),
  refuse('two Content-Lengths', post(['Content-Length: 0', `Content-Length: ${SMUGGLED.length}`], SMUGGLED)),
  refuse('two equal Content-Lengths', post(['Content-Length: 3', 'Content-Length: 3'], 'abc')),
  refuse('two Content-Lengths of different case', post(['Content-Length: 3', 'content-length: 0'], 'abc')),
  refuse('two Content-Lengths far apart', post(['Content-Length: 3', 'A: b', 'C: d', 'Content-Length: 0'], 'abc')),
  refuse('an empty and a real Content-Length', post(['Content-Length:', 'Content-Length: 3'], 'abc')),
  refuse('a blank before the colon of Content-Length', post(['Content-Length : 3'], 'abc')),
  refuse('Content-Length on a folded line', post(['Content-Length:', ' 3'], 'abc')),
  refuse('Content-Length continued', post(['Content-Length: 3', ' 0'], 'abc')),
  atEdge('Content_Length', post(['Content_Length: 3', 'Content-Length: 0'], '')),
  refuse('length and chunked', post(['Content-Length: 4', 'Transfer-Encoding: chunked'], END)),
  refuse('chunked and length', post(['Transfer-Encoding: chunked', 'Content-Length: 4'], END)),
  refuse('length 0 and chunked', post(['Content-Length: 0', 'Transfer-Encoding: chunked'], END)),
  refuse('chunked and a malformed length', post(['Transfer-Encoding: chunked', 'Content-Length: x'], END)),
  refuse('length and an unknown coding', post(['Content-Length: 4', 'Transfer-Encoding: x'], 'abcd')),
  atEdge('length and identity', post(['Content-Length: 4', 'Transfer-Encoding: identity'], 'abcd')),
  ...Object.entries(CODINGS_REFUSED).map(([what, value]) =>
    (what === 'identity, chunked' || what === 'a comma before chunked' || what === 'chunked, chunked'
      ? atEdge
      : refuse)(`Transfer-Encoding ${what}`, post([`Transfer-Encoding: ${value}`], END)),
  ),
  ...Object.entries(CODINGS_UNKNOWN).map(([what, value]) =>
    atEdge(`Transfer-Encoding ${what}`, post([`Transfer-Encoding: ${value}`], END)),
  ),
  ...CONTROLS.map((control) =>
    refuse(`Transfer-Encoding \\x${hex(control)}chunked`, post([`Transfer-Encoding: ${control}chunked`], END)),
  ),
  refuse('a blank before the colon of Transfer-Encoding', post(['Transfer-Encoding : chunked'], END)),
  refuse('a tab before the colon of Transfer-Encoding', post(['Transfer-Encoding\t: chunked'], END)),
  refuse('a blank before Transfer-Encoding', post([' Transfer-Encoding: chunked'], END)),
  refuse('a tab before Transfer-Encoding', post(['\tTransfer-Encoding: chunked'], END)),
  refuse('Transfer-Encoding folded before its value', post(['Transfer-Encoding:', ' chunked'], END)),
  refuse('Transfer-Encoding folded behind its value', post(['Transfer-Encoding: chunked', ' , identity'], END)),
  refuse('Transfer-Encoding hidden behind a bare LF', post(['A: b\nTransfer-Encoding: chunked'], END)),
  refuse('Transfer-Encoding hidden behind a bare CR', post(['A: b\rTransfer-Encoding: chunked'], END)),
  refuse('Transfer-Encoding hidden behind a NUL', post(['A: b\0Transfer-Encoding: chunked'], END)),
  atEdge('Transfer_Encoding', post(['Transfer_Encoding: chunked'], '')),
  atEdge('chunked twice', post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], END)),
  refuse(
    'chunked and identity in two fields',
    post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], END),
  ),
  atEdge(
    'identity and chunked in two fields',
    post(['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'], END),
  ),
  refuse('chunked and cow in two fields', post(['Transfer-Encoding: chunked', 'Transfer-Encoding: cow'], END)),
  atEdge(
    'chunked in HTTP/1.0',
    raw(['POST /x HTTP/1.0', `Host: ${HOST}`, 'Transfer-Encoding: chunked', 'Connection: keep-alive'], END),
  ),
  atEdge('chunked on a GET in HTTP/1.0', raw(['GET /x HTTP/1.0', `Host: ${HOST}`, 'Transfer-Encoding: chunked'], END)),
]

function allBytes(): string {
  return Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('')
}
