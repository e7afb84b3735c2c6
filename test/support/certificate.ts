// This makes a certificate with openssl, for servers of tests that speak TLS.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a server of node:https takes. */
export interface Tls {
  readonly key: Buffer
  readonly cert: Buffer
}

/** A certificate that no browser trusts. */
export function certificate(): Tls {
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const made = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
  ]
  execFileSync('openssl', ['req', '-x509', '-subj', '/CN=example', ...made], { stdio: 'pipe' })
  const pair = { key: readFileSync(key), cert: readFileSync(cert) }
  rmSync(folder, { recursive: true })
  return pair
}
