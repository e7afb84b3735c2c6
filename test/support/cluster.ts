// This starts a real Redis Cluster for tests, with replicas that take over from killed masters.

import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort, type RunningServer, startRedis } from './servers.ts'

/** A Redis Cluster that tests started: three masters, and a replica of each. */
export interface RunningCluster {
  readonly nodes: readonly RunningServer[]
  /** The nodes that hold slots now. */
  masters(): Promise<RunningServer[]>
  /** Resolves when every running node finds all slots served, and every replica follows its master. */
  settled(): Promise<void>
  /** Makes the nodes close every connection of a client, also while a command is under way on it. */
  disconnect(): Promise<void>
  stop(): Promise<void>
}

const slots = 16_384
const shards = 3

/** Milliseconds after which a silent master is taken for dead. The election takes about a second more. */
const nodeTimeout = 1000

export async function startCluster(): Promise<RunningCluster> {
  const nodes: RunningServer[] = []
  const running = (): RunningServer[] => nodes.filter(({ process }) => isRunning(process))
  const cluster: RunningCluster = {
    nodes,
    async masters() {
      const roles = await Promise.all(running().map(replication))
      return running().filter((_, index) => roles[index]!['role'] === 'master')
    },
    async settled() {
      await eventually('The cluster did not settle.', async () => {
        const states = await Promise.all(running().map(isSettled))
        return states.every(Boolean) && (await cluster.masters()).length === shards
      })
    },
    async disconnect() {
      await Promise.all(running().map((node) => ask(node, 'CLIENT', 'KILL', 'TYPE', 'normal')))
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
  try {
    while (nodes.length < 2 * shards) nodes.push(await startNode())
    await join(nodes)
    await cluster.settled()
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

const busPorts = new WeakMap<RunningServer, number>()

async function startNode(): Promise<RunningServer> {
  // By default the bus has the port 10,000 above the node's own, which may be taken, or be above 65535.
  const busPort = await freePort()
  const node = await startRedis([
    '--cluster-enabled',
    'yes',
    '--cluster-port',
    String(busPort),
    '--cluster-node-timeout',
    String(nodeTimeout),
    // With 0 a replica asks to be elected however long ago its master last sent it anything.
    '--cluster-replica-validity-factor',
    '0',
    '--repl-diskless-sync-delay',
    '0',
  ])
  busPorts.set(node, busPort)
  return node
}

async function join(nodes: readonly RunningServer[]): Promise<void> {
  const [first, ...others] = nodes as [RunningServer, ...RunningServer[]]
  const masters = nodes.slice(0, shards)
  await Promise.all(nodes.map((node, index) => ask(node, 'CLUSTER', 'SET-CONFIG-EPOCH', index + 1)))
  for (const [index, master] of masters.entries()) {
    const from = Math.ceil((index * slots) / shards)
    const to = Math.ceil(((index + 1) * slots) / shards) - 1
    await ask(master, 'CLUSTER', 'ADDSLOTSRANGE', from, to)
  }
  for (const node of others) {
    await ask(first, 'CLUSTER', 'MEET', '127.0.0.1', node.port, busPorts.get(node)!)
  }
  for (const [index, replica] of nodes.slice(shards).entries()) {
    const id = await ask(masters[index]!, 'CLUSTER', 'MYID')
    // The replica refuses this until it has heard of its master from the other nodes.
    await eventually('A node of the cluster met nobody.', () =>
      ask(replica, 'CLUSTER', 'REPLICATE', id).then(
        () => true,
        () => false,
      ),
    )
  }
}

async function isSettled(node: RunningServer): Promise<boolean> {
  const state = fields(await ask(node, 'CLUSTER', 'INFO'))
  const { role, master_link_status } = await replication(node)
  return (
    state['cluster_state'] === 'ok' &&
    state['cluster_known_nodes'] === String(2 * shards) &&
    (role === 'master' || master_link_status === 'up')
  )
}

const replication = async (node: RunningServer): Promise<Record<string, string>> =>
  fields(await ask(node, 'INFO', 'replication'))

/** Sends one command on a connection of its own, since a test may kill the node right after. */
async function ask(node: RunningServer, command: string, ...args: (string | number)[]): Promise<string> {
  const client = new Redis(node.port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null })
  client.on('error', () => {})
  try {
    return String(await client.call(command, ...args))
  } finally {
    client.disconnect()
  }
}

async function eventually(complaint: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(complaint)
    await setTimeout(50)
  }
}

const isRunning = ({ exitCode, signalCode }: RunningServer['process']): boolean =>
  exitCode === null && signalCode === null

const fields = (info: string): Record<string, string> =>
  Object.fromEntries(info.split('\r\n').map((line) => line.split(':') as [string, string]))
