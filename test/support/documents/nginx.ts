// This starts nginx with the configuration that a page gives.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { findBinary, freePort } from '../servers.ts'
import { accepts } from './play.ts'
import { run } from './workshop.ts'

/**
 * Starts nginx on a free port, with a new self-signed certificate.
 * @param server - what the page has within `http`, whose paths and addresses are replaced
 * @param upstream - the URL of the server behind nginx
 */
export async function startNginx(
  server: string,
  upstream: string,
): Promise<{ url: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-nginx-'))
  const port = await freePort()
  const [key, certificate] = [join(folder, 'shop.key'), join(folder, 'shop.pem')]
  const subject = ['-subj', '/CN=shop.example', '-days', '2', '-nodes']
  const made = [
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    ...subject,
    '-keyout',
    key,
    '-out',
    certificate,
  ]
  await run(made, folder)
  const placed = server
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replace('/etc/ssl/certs/shop.pem', certificate)
    .replace('/etc/ssl/private/shop.key', key)
    .replace('http://127.0.0.1:4000', upstream)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off;
    master_process off;
    pid nginx.pid;
    events {}
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${name};`).join('\n')}
      ${placed}
    }`,
  )
  const child = spawn(findBinary('nginx')!, ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'])
  const ended = once(child, 'exit')
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`nginx did not start:\n${said}`)
    await setTimeout(20)
  }
  return {
    url: `https://localhost:${port}`,
    async stop() {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true })
    },
  }
}
