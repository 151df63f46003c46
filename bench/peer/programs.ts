/** The proxies that Debian brings: each with one worker or thread, kept connections to the origin, and no access log. */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { findProgram } from '../../test/support/needs.ts'
import { type Running, start } from '../harness/process.ts'
import type { Front, Peer, Setting } from './contract.ts'

export const PROGRAMS: readonly Peer[] = [
  program('nginx', 'one worker, upstream keep-alive as its documentation says', ['http', 'tls', 'h2c'], (setting) => {
    const args = ['-p', setting.dir, '-c', write(setting, 'nginx.conf', nginxConfig(setting))]
    return start(findProgram('nginx')!, ['-e', 'stderr', ...args], setting.port)
  }),
  program('haproxy', 'one thread', ['http', 'tls', 'h2c'], (setting) =>
    start(findProgram('haproxy')!, ['-db', '-f', write(setting, 'haproxy.cfg', haproxyConfig(setting))], setting.port),
  ),
  program('caddy', 'on one core (GOMAXPROCS=1)', ['http', 'tls', 'h2c'], (setting) => {
    const config = write(setting, 'Caddyfile', caddyConfig(setting))
    const env = { GOMAXPROCS: '1', HOME: setting.dir, XDG_DATA_HOME: setting.dir, XDG_CONFIG_HOME: setting.dir }
    return start(findProgram('caddy')!, ['run', '--config', config, '--adapter', 'caddyfile'], setting.port, { env })
  }),
]

function program(
  name: string,
  what: string,
  fronts: readonly Front[],
  begin: (setting: Setting) => Promise<Running>,
): Peer {
  return {
    name,
    what,
    node: false,
    fronts,
    missing: () => (findProgram(name) === undefined ? `${name} is absent (apt-get install ${name})` : undefined),
    start: begin,
  }
}

function write({ dir }: Setting, name: string, text: string): string {
  const file = path.join(dir, name)
  writeFileSync(file, text)
  return file
}

/** What every nginx of the bench shares: the peer and the origin. */
export const nginxMain = (dir: string, http: string) => `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${dir}/nginx.pid;
events { worker_connections 16000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
${http}
}
`

function nginxConfig({ dir, front, port, originPort, cert, key }: Setting): string {
  const listen = { http: '', tls: ' ssl', h2c: ' http2' }[front]
  const tls = front === 'tls' ? `ssl_certificate ${cert}; ssl_certificate_key ${key};` : ''
  return nginxMain(
    dir,
    `  upstream origin {
    server 127.0.0.1:${originPort};
    keepalive 256;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port}${listen} backlog=4096;
    ${tls}
    client_body_buffer_size 64k;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_max_temp_file_size 0;
      proxy_buffers 8 64k;
      proxy_buffer_size 64k;
    }
  }`,
  )
}

function haproxyConfig({ dir, front, port, originPort, cert, key }: Setting): string {
  const pem = path.join(dir, 'both.pem')
  if (front === 'tls') writeFileSync(pem, readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'))
  const bind = { http: '', tls: ` ssl crt ${pem}`, h2c: ' proto h2' }[front]
  return `
global
  nbthread 1
defaults
  mode http
  timeout client 600s
  timeout server 60s
  timeout connect 5s
  timeout http-keep-alive 600s
  http-reuse safe
frontend all
  bind 127.0.0.1:${port}${bind} backlog 4096
  default_backend origin
backend origin
  server one 127.0.0.1:${originPort}
`
}

function caddyConfig({ front, port, originPort, cert, key }: Setting): string {
  const protocols = front === 'h2c' ? 'servers {\n protocols h1 h2c\n }' : ''
  const address = front === 'tls' ? `https://localhost:${port}, https://127.0.0.1:${port}` : `http://127.0.0.1:${port}`
  const tls = front === 'tls' ? `tls ${cert} ${key}` : ''
  return `
{
  admin off
  auto_https off
  ${protocols}
}
${address} {
  ${tls}
  reverse_proxy 127.0.0.1:${originPort}
}
`
}
