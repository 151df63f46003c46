/** Who a registry is to etcd, and whom it believes to be etcd: user and password, certificates. */
import { readFileSync } from 'node:fs'
import { buildConnector } from 'undici'
import { SkeinError } from '../../../core/errors.ts'

export interface EtcdAccess {
  /** With `password`; etcd's own users (`etcdctl user add`). Its users by certificate do not work through the JSON gateway. */
  readonly user?: string | undefined
  /** Never logged, never part of an error. */
  readonly password?: string | undefined
  readonly tls?: EtcdTls | undefined
}

/** PEM files. They are read for each new connection, so renewed ones count without a restart. */
export interface EtcdTls {
  /** Authorities that sign etcd's certificates. Default: those that Node knows. */
  readonly ca?: string | undefined
  /** The registry's own certificate, with `key`; for an etcd with --client-cert-auth. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The name in etcd's certificates, where it is not the host of the address. */
  readonly serverName?: string | undefined
}

interface Files {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
}

const FILES = ['ca', 'cert', 'key'] as const

/** @throws SkeinError STORAGE_FAILED naming the file that cannot be read. */
export function readTlsFiles(tls: EtcdTls): Files {
  return Object.fromEntries(
    FILES.flatMap((name) => (tls[name] === undefined ? [] : [[name, readPem(name, tls[name])]])),
  )
}

function readPem(name: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const message = `etcd: the ${name} file ${file} cannot be read (${(error as Error).message})`
    throw new SkeinError('STORAGE_FAILED', message, {}, error)
  }
}

/** Reads the files and makes a connection; for undici. */
export function tlsConnector(tls: EtcdTls): buildConnector.connector {
  const { serverName } = tls
  return (options, callback) => {
    try {
      const connect = buildConnector({ ...readTlsFiles(tls), timeout: CONNECT_MS })
      connect(serverName === undefined ? options : { ...options, servername: serverName }, callback)
    } catch (error) {
      callback(error as Error, null)
    }
  }
}

const CONNECT_MS = 2000
