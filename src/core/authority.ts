/** `host:port` as it stands in a URL and in a Host field: an IPv6 address in brackets (RFC 3986 §3.2.2). */
export function authority(host: string, port: number | string): string {
  return `${urlHost(host)}:${port}`
}

/** The other way round: a host as it stands in a URL, without brackets. */
export function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

/** A host name or address as it stands in a URL. */
export function urlHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
