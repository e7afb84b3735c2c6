// This is the process of a measured server: it serves a peer, and tells what CPU and memory it has used.

import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Usage } from './usage.ts'

/** A server that is no part of this process, as it was not written for Node. Peers end it when this process exits. */
export interface Foreign {
  readonly port: number
  usage(): Usage
}

const [file, name, argument] = process.argv.slice(2) as [string, string, string]
// The path is computed, so that tsc does not need the packages of peers, which only a benchmark installs.
const starters = (await import(`./peers/${file}`)) as Record<
  string,
  (argument: string) => Promise<Server | readonly Server[] | Foreign>
>
const started = await starters[name]!(argument)
const isForeign = 'usage' in started
const ports = isForeign ? [started.port] : await Promise.all([started].flat().map(portOf))

process.on('message', () => process.send!(isForeign ? started.usage() : ownUsage()))
// The process that measures may have been killed without ending this one.
process.on('disconnect', () => process.exit())
// A signal alone would end this process without its event `exit`, on which a peer ends what it has started.
process.on('SIGTERM', () => process.exit())
process.send!(ports)

async function portOf(server: Server): Promise<number> {
  if (!server.listening) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  }
  return (server.address() as AddressInfo).port
}

function ownUsage(): Usage {
  const { user, system } = process.cpuUsage()
  return { cpu: user + system, rss: process.memoryUsage.rss() }
}
