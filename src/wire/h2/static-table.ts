/** The fields that HPACK knows by number (RFC 7541, appendix A), the first of them as 1. */
const ROWS = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`

export const STATIC_TABLE: readonly (readonly [name: string, value: string])[] = ROWS.split('\n').map((row) => {
  const blank = row.indexOf(' ')
  return blank === -1 ? [row, ''] : [row.slice(0, blank), row.slice(blank + 1)]
})

/** The number of the first field of that name, or undefined. */
export function staticIndex(name: string): number | undefined {
  const at = STATIC_TABLE.findIndex((one) => one[0] === name)
  return at === -1 ? undefined : at + 1
}
