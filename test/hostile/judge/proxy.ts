/** nginx and HAProxy as judges: what each sends on to a recorder is what it has read. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from '../../../src/core/free-port.ts'
import { findProgram } from '../../support/needs.ts'
import { eventually } from '../../support/up.ts'
import { drive } from '../drive.ts'
import { record } from '../recorder.ts'
import type { Judge } from './contract.ts'

interface Ports {
  readonly own: number
  readonly recorder: number
}

export const nginxJudge = () =>
  proxyJudge('nginx', (dir, { own, recorder }) => ({
    file: 'nginx.conf',
    text: `daemon off; worker_processes 1; pid ${dir}/pid;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 256; }
http {
  access_log off;
  large_client_header_buffers 4 64k;
  client_max_body_size 0;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi; uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
  upstream recorder { server 127.0.0.1:${recorder}; keepalive 4; }
  server {
    listen 127.0.0.1:${own};
    location / {
      proxy_pass http://recorder;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}
`,
    args: ['-e', 'stderr', '-p', dir, '-c', path.join(dir, 'nginx.conf')],
  }))

export const haproxyJudge = () =>
  proxyJudge('haproxy', (dir, { own, recorder }) => ({
    file: 'haproxy.cfg',
    text: `global
  nbthread 1
  tune.bufsize 65536
  tune.http.maxhdr 300
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 5s
frontend all
  bind 127.0.0.1:${own}
  default_backend recorder
backend recorder
  server one 127.0.0.1:${recorder}
`,
    args: ['-db', '-f', path.join(dir, 'haproxy.cfg')],
  }))

type Configure = (dir: string, ports: Ports) => { file: string; text: string; args: readonly string[] }

async function proxyJudge(program: string, configure: Configure): Promise<Judge> {
  const dir = mkdtempSync(path.join(tmpdir(), `skein-${program}-`))
  const recorder = await record()
  const own = await freePort()
  const { file, text, args } = configure(dir, { own, recorder: recorder.port })
  writeFileSync(path.join(dir, file), text)
  const child = spawn(findProgram(program)!, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk) => (errors += chunk))
  const exited = once(child, 'exit')
  const close = async () => {
    if (child.exitCode === null) child.kill('SIGTERM')
    await exited
    recorder.close()
    rmSync(dir, { recursive: true, force: true })
  }
  await eventually(`${program} on port ${own}`, async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended: ${errors}`)
    return accepts(own)
  }).catch(async (error) => {
    await close()
    throw error
  })
  return {
    close,
    async read(bytes, count) {
      // It would take our end for a client that has gone: we end when its answers are there.
      await drive(own, bytes, { enough: (text) => text.split('HTTP/1.1 ').length > count })
      return recorder.take()
    },
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.once('error', () => resolve(false)).once('connect', () => socket.destroy())
  })
}
