/** The chunked coding: sizes, extensions, ends, trailers. */
import type { RequestCase } from '../contract.ts'
import { CONTROLS, chunked, get, hex, SMUGGLED } from './build.ts'

const refuse = (what: string, body: string): RequestCase => ({
  what,
  bytes: chunked(body),
  refuse: 400,
  malformed: true,
})
const take = (what: string, coded: string, body: string): RequestCase => ({
  what,
  bytes: chunked(coded),
  forward: [{ method: 'POST', target: '/x', body }],
})

const LAST = '0\r\n\r\n'

const SIZES_REFUSED: Readonly<Record<string, string>> = {
  '0x3': '0x3',
  '+3': '+3',
  '-3': '-3',
  'with a blank behind': '3 ',
  'with a blank before': ' 3',
  'with a tab behind': '3\t',
  'with an underscore': '1_0',
  'with a letter beyond f': '3g',
  'with an h': '3h',
  empty: '',
  'of 17 digits': `${'0'.repeat(16)}3`.replace(/^0/, 'f'),
  'of 20 digits, all f': 'f'.repeat(20),
  'of 17 digits, wrapping to 3': '10000000000000003',
  'with a point': '3.0',
  'in quotes': '"3"',
  'in UTF-8 full width': '\xef\xbc\x93',
  'with a comma': '3,',
}

export const CHUNKS: readonly RequestCase[] = [
  take('an empty chunked body', LAST, ''),
  take('two chunks', `3\r\nabc\r\n2\r\nde\r\n${LAST}`, 'abcde'),
  take('sizes in capitals', `A\r\n0123456789\r\n${LAST}`, '0123456789'),
  take('sizes in small letters', `a\r\n0123456789\r\n${LAST}`, '0123456789'),
  take('leading zeros', `0003\r\nabc\r\n${LAST}`, 'abc'),
  take('several zeros at the end', '3\r\nabc\r\n000\r\n\r\n', 'abc'),
  take('a chunk that looks like the end', `5\r\n0\r\n\r\n\r\n${LAST}`, '0\r\n\r\n'),
  take('a chunk with a request in it', `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n${LAST}`, SMUGGLED),
  take('an extension', `3;a=b\r\nabc\r\n${LAST}`, 'abc'),
  take('a quoted extension', `3;a="b;c"\r\nabc\r\n${LAST}`, 'abc'),
  take('an extension of the last chunk', '3\r\nabc\r\n0;a=b\r\n\r\n', 'abc'),
  take('a thousand chunks', `${'1\r\na\r\n'.repeat(1000)}${LAST}`, 'a'.repeat(1000)),
  take('a trailer that nobody asked for', '3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n', 'abc'),
  take('Authorization as trailer', '3\r\nabc\r\n0\r\nAuthorization: Basic eA==\r\n\r\n', 'abc'),
  take('Host as trailer', '3\r\nabc\r\n0\r\nHost: b.example\r\n\r\n', 'abc'),
  take('X-Forwarded-For as trailer', '3\r\nabc\r\n0\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n', 'abc'),
  {
    what: 'a request behind a chunked one',
    bytes: `${chunked(`3\r\nabc\r\n${LAST}`)}${get('/y')}`,
    forward: [
      { method: 'POST', target: '/x', body: 'abc' },
      { method: 'GET', target: '/y' },
    ],
  },
  ...Object.entries(SIZES_REFUSED).map(([what, size]) => refuse(`a chunk size ${what}`, `${size}\r\nabc\r\n${LAST}`)),
  ...CONTROLS.map((control) => refuse(`a chunk size with \\x${hex(control)}`, `3${control}\r\nabc\r\n${LAST}`)),
  refuse('a chunk longer than said', `3\r\nabcdef\r\n${LAST}`),
  refuse('a chunk shorter than said', `5\r\nabc\r\n${LAST}`),
  refuse('a bare LF behind a size', `3\nabc\r\n${LAST}`),
  refuse('a bare CR behind a size', `3\rabc\r\n${LAST}`),
  refuse('a bare LF behind data', `3\r\nabc\n${LAST}`),
  refuse('a bare CR behind data', `3\r\nabc\r${LAST}`),
  refuse('nothing behind data', `3\r\nabc${LAST}`),
  refuse('two line ends behind data', `3\r\nabc\r\n\r\n${LAST}`),
  refuse('a bare LF behind the last size', `3\r\nabc\r\n0\n\r\n${SMUGGLED}`),
  refuse('a bare CR behind the last size', `3\r\nabc\r\n0\r\r\n${SMUGGLED}`),
  refuse('a bare LF at the very end', `3\r\nabc\r\n0\r\n\n${SMUGGLED}`),
  refuse('something behind the last size', `3\r\nabc\r\n0 \r\n\r\n${SMUGGLED}`),
  refuse('a bare LF inside an extension', `3;a\nb\r\nabc\r\n${LAST}`),
  refuse('a bare CR inside an extension', `3;a\rb\r\nabc\r\n${LAST}`),
  refuse('a NUL inside an extension', `3;a\0b\r\nabc\r\n${LAST}`),
  refuse('an extension ended by a bare LF', `3;a\nabc\r\n${LAST}`),
  refuse('an extension of 20 KiB', `3;${'x'.repeat(20 * 1024)}\r\nabc\r\n${LAST}`),
  refuse('20 KiB of extensions on many chunks', `${`1;${'x'.repeat(200)}\r\na\r\n`.repeat(110)}${LAST}`),
  refuse('Content-Length as trailer', `3\r\nabc\r\n0\r\nContent-Length: 99\r\n\r\n`),
  refuse('Transfer-Encoding as trailer', `3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n`),
  refuse('a trailer without a colon', `3\r\nabc\r\n0\r\nnonsense\r\n\r\n`),
  refuse('a trailer with a blank before the colon', `3\r\nabc\r\n0\r\nA : b\r\n\r\n`),
  refuse('a folded trailer', `3\r\nabc\r\n0\r\nA: b\r\n c\r\n\r\n`),
  refuse('a trailer ended by a bare LF', `3\r\nabc\r\n0\r\nA: b\n\r\n`),
  refuse('a trailer with a NUL', `3\r\nabc\r\n0\r\nA: b\0\r\n\r\n`),
  refuse('a request in place of trailers', `3\r\nabc\r\n0\r\n${SMUGGLED}`),
  { what: 'trailers of 20 KiB', bytes: chunked(`0\r\nA: ${'x'.repeat(20 * 1024)}\r\n\r\n`), refuse: 431 },
]
