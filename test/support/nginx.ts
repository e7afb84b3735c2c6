// This starts nginx with the part of a configuration that is within `http`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { accepts, findBinary, freePort } from './servers.ts'

export interface Nginx {
  readonly url: string
  stop(): Promise<void>
}

/**
 * Starts nginx in one process.
 * @param within - makes what is within `http`, of a free port of 127.0.0.1 and a folder of its own
 */
export async function startNginx(
  within: (port: number, folder: string) => Promise<string> | string,
  scheme: 'http' | 'https' = 'http',
): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'graphql-session-nginx-'))
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const http = await within(port, folder)
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off;
    master_process off;
    pid nginx.pid;
    events {}
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${name};`).join('\n')}
      ${http}
    }`,
  )
  const child = spawn(findBinary('nginx')!, ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'])
  const ended = once(child, 'exit')
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    if (child.exitCode === null) await ended
    rmSync(folder, { recursive: true })
  }
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const deadline = Date.now() + 10_000
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`nginx did not start:\n${said}`)
    }
    await setTimeout(20)
  }
  return { url: `${scheme}://localhost:${port}`, stop }
}
