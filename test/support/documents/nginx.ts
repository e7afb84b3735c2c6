// This starts nginx with the configuration that a page gives.

import { join } from 'node:path'
import { type Nginx, startNginx } from '../nginx.ts'
import { run } from './workshop.ts'

/**
 * Starts nginx with a new self-signed certificate.
 * @param server - what the page has within `http`, whose paths and addresses are replaced
 * @param upstream - the URL of the server behind nginx
 */
export function startNginxOfPage(server: string, upstream: string): Promise<Nginx> {
  return startNginx(async (port, folder) => {
    const [key, certificate] = [join(folder, 'shop.key'), join(folder, 'shop.pem')]
    const subject = ['-subj', '/CN=shop.example', '-days', '2', '-nodes']
    const made = ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', ...subject]
    await run([...made, '-keyout', key, '-out', certificate], folder)
    return server
      .replace('listen 443', `listen 127.0.0.1:${port}`)
      .replace('/etc/ssl/certs/shop.pem', certificate)
      .replace('/etc/ssl/private/shop.key', key)
      .replace('http://127.0.0.1:4000', upstream)
  }, 'https')
}
