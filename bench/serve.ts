// This is the process of a measured server: it serves a peer, and tells what CPU and memory it has used.

import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the process has used, sent for each message that it gets. */
export interface Usage {
  /** Microseconds of user and system time since the process began. */
  readonly cpu: number
  /** Bytes. */
  readonly rss: number
}

const [file, name, argument] = process.argv.slice(2) as [string, string, string]
// The path is computed, so that tsc does not need the packages of peers, which only a benchmark installs.
const starters = (await import(`./peers/${file}`)) as Record<string, (argument: string) => Promise<Server>>
const server = await starters[name]!(argument)
if (!server.listening) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
}

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send!({ cpu: user + system, rss: process.memoryUsage.rss() } satisfies Usage)
})
// The process that measures may have been killed without ending this one.
process.on('disconnect', () => process.exit())
process.send!((server.address() as AddressInfo).port)
