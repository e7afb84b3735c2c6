// This checks that the command keeps sessions in a store from one process to the next.

import { once } from 'node:events'
import { afterAll, expect } from 'vitest'
import { type Environment, serve } from './command.ts'
import { Client } from './harness.ts'
import type { RunningServer } from './servers.ts'

/** The text of a config file that opens every key to clients. */
export const openToAll = `export default { keys: { '*': { client: ['read', 'write'] } } }`
export const set = 'mutation { setSessionKey(key: "k", value: "kept") { created } }'
const get = '{ session { value(key: "k") } }'

const servers: RunningServer[] = []
afterAll(() => Promise.all(servers.map((server) => server.stop())))

/** Waits for a server to start, and stops it after the last test of the file. */
export async function own(starting: Promise<RunningServer>): Promise<RunningServer> {
  const server = await starting
  servers.push(server)
  return server
}

/**
 * Expects that what one process of the command writes is read by the next one.
 * @returns what the second process printed at start
 */
export async function expectToKeep(env: Environment): Promise<string> {
  const first = await serve(openToAll, env)
  const client = new Client(first.url)
  expect((await client.run(set)).codes).toEqual([])
  first.child.kill('SIGTERM')
  expect(await once(first.child, 'close')).toEqual([0, null])
  const second = await serve(openToAll, env)
  const later = new Client(second.url)
  // The name of the cookie has the port, and the session has not.
  later.cookies.set(`graphql-session-${new URL(second.url).port}`, client.token!)
  expect((await later.run(get)).data).toEqual({ session: { value: 'kept' } })
  return second.announcement
}
