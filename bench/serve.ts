import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

// A process of its own: it serves what a file under peers/ exports, tells the port, and what it used when asked.

export interface Usage {
  /** Microseconds of user and system time since the process began. */
  readonly cpu: number
  /** Bytes. */
  readonly rss: number
}

const [file, name, argument] = process.argv.slice(2) as [string, string, string]
// The peers that are not TypeScript are installed for a benchmark only, and the types of a fresh clone hold without them.
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
// Whoever measures may have been killed.
process.on('disconnect', () => process.exit())
process.send!((server.address() as AddressInfo).port)
