// This starts a Galera cluster of MariaDB for tests: every node takes writes, and hands them to the others.

import { existsSync } from 'node:fs'
import { findBinary, freePort, type RunningServer, startMariadb } from './servers.ts'

/** Where Debian has it, with mariadb-server. */
const provider = '/usr/lib/galera/libgalera_smm.so'

export const hasGalera = (): boolean => existsSync(provider) && findBinary('rsync') !== null

/** Starts two nodes, one after the other, as the second one gets a copy of the first. */
export async function startGalera(): Promise<[RunningServer, RunningServer]> {
  const port = await freePort()
  const first = await startMariadb([
    ...(await node(port)),
    'wsrep-new-cluster',
    'wsrep-cluster-address=gcomm://',
  ])
  try {
    const address = `wsrep-cluster-address=gcomm://127.0.0.1:${port}`
    return [first, await startMariadb([...(await node(await freePort())), address])]
  } catch (error) {
    await first.stop()
    throw error
  }
}

/** @param port - where it talks to the other one */
async function node(port: number): Promise<string[]> {
  const [copies, rest] = [await freePort(), await freePort()]
  const options = [
    `gmcast.listen_addr=tcp://127.0.0.1:${port}`,
    `base_port=${port}`,
    `ist.recv_addr=127.0.0.1:${rest}`,
    'gcache.size=16M',
  ]
  return [
    'wsrep-on=ON',
    `wsrep-provider=${provider}`,
    'wsrep-cluster-name=sessions',
    'wsrep-sst-method=rsync',
    `wsrep-sst-receive-address=127.0.0.1:${copies}`,
    `wsrep-node-address=127.0.0.1:${port}`,
    `wsrep-provider-options=${options.join(';')}`,
    'binlog-format=ROW',
    'innodb-autoinc-lock-mode=2',
  ]
}
