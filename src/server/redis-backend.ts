// This opens Redis or Redis Cluster for the command, from the text of SESSION_STORE.

import { invalid } from './invalid.ts'
import { credentials, onlyOptions, parse } from './store-url.ts'

// When a connection breaks, Redis may have applied the commands that it did not answer, so that ioredis must
// not send them again. Without a connection a command fails at once. A connection that gets no data for
// `socketTimeout` milliseconds while a command waits is closed, since a server that hangs does not close it.
const listeningOptions = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2000,
  retryStrategy: (attempt: number): number => Math.min(50 * attempt, 500),
}
const redisOptions = { ...listeningOptions, enableOfflineQueue: false, socketTimeout: 3000 }

export async function openRedis(text: string) {
  const url = parse(text)
  onlyOptions('redis:', url.searchParams, ['prefix'])
  const [{ Redis }, { redisStore }] = await Promise.all([import('ioredis'), import('../stores/redis.ts')])
  const db = databaseOf(url)
  const server = { ...credentials(url), ...addressOf(url), ...(url.protocol === 'rediss:' && { tls: {} }) }
  const client = new Redis({ ...redisOptions, ...server, db })
  // It connects when it is needed, and then what it is asked waits for that.
  const subscriber = new Redis({ ...listeningOptions, ...server, lazyConnect: true })
  const store = redisStore(client, { ...prefixOf(url.searchParams), subscriber })
  return {
    store,
    backing: {
      ...store,
      async check() {
        // If the server has no database `db`, ioredis stays in database 0 without an error. This call fails.
        if (db > 0) await client.select(db)
        return store.check!()
      },
    },
    says: `Redis at ${url.host}`,
    trouble: troubleOf(client),
    close() {
      client.disconnect()
      subscriber.disconnect()
    },
  }
}

/**
 * Opens `redis+cluster://user:password@host:port,host:port?tls=true`. Text with more than one host is no URL,
 * so that `URL` cannot parse it.
 */
export async function openCluster(text: string) {
  const [, user = '', hosts = '', query = ''] =
    /^redis\+cluster:\/\/(?:([^@/]*)@)?([^@/?]+)\/?(\?.*)?$/.exec(text) ?? []
  const nodes = hosts
    .split(',')
    .map((host) => new URL(URL.canParse(`redis://${host}`) ? `redis://${host}` : 'redis:'))
  if (!nodes.every(({ hostname }) => hostname)) {
    throw invalid('SESSION_STORE must be redis+cluster://host:port,host:port')
  }
  const searchParams = new URLSearchParams(query)
  onlyOptions('redis+cluster:', searchParams, ['prefix', 'tls'])
  const tls = searchParams.get('tls') ?? 'false'
  if (tls !== 'true' && tls !== 'false') throw invalid('SESSION_STORE: tls must be true or false')
  const [{ Cluster }, { redisStore }] = await Promise.all([import('ioredis'), import('../stores/redis.ts')])
  const server = {
    ...credentials(new URL(`redis://${user && `${user}@`}host`)),
    ...(tls === 'true' && { tls: {} }),
  }
  const options = { retryDelayOnFailover: 0, clusterRetryStrategy: redisOptions.retryStrategy }
  const client = new Cluster(nodes.map(addressOf), {
    ...options,
    enableOfflineQueue: false,
    redisOptions: { ...redisOptions, ...server },
  })
  const subscriber = new Cluster(nodes.map(addressOf), {
    ...options,
    lazyConnect: true,
    redisOptions: { ...listeningOptions, ...server },
  })
  const store = redisStore(client, { ...prefixOf(searchParams), subscriber })
  return {
    store,
    backing: {
      ...store,
      // ioredis connects to a node at the first call that needs it, and other calls that need the node fail
      // until it is connected. The PING connects to every master before the first request.
      async check() {
        const warnings = await store.check!()
        await Promise.all(client.nodes('master').map((node) => node.ping()))
        return warnings
      },
    },
    says: `Redis Cluster at ${hosts}`,
    trouble: troubleOf(client),
    close() {
      client.disconnect()
      subscriber.disconnect()
    },
  }
}

/** Host and port as ioredis takes them: it wants an address of IPv6 without the brackets of a URL. */
const addressOf = ({ hostname, port }: URL): { host: string; port: number } => ({
  host: hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
  port: Number(port || 6379),
})

/**
 * Keeps the error of the client's last `error` event. Without a connection a command fails with a message
 * about the offline queue, and only the event tells the cause.
 */
function troubleOf(client: {
  on(event: 'error', listener: (error: unknown) => void): unknown
}): () => unknown {
  let last: unknown
  client.on('error', (error) => (last = error))
  return () => last
}

function databaseOf({ pathname }: URL): number {
  const [, db] = /^\/?(\d{0,4})$/.exec(pathname) ?? []
  if (db === undefined) throw invalid('SESSION_STORE: the path of a redis: URL is the number of a database')
  return Number(db)
}

const prefixOf = (searchParams: URLSearchParams): { prefix?: string } => {
  const prefix = searchParams.get('prefix')
  return prefix === null ? {} : { prefix }
}
