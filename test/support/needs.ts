// This skips tests that need a program that is not installed, and says which package of Debian has it.

import { existsSync } from 'node:fs'
import { inject, type TestOptions } from 'vitest'
import { hasGalera } from './galera.ts'
import { findBinary } from './servers.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** Why a suite or a test is skipped. reporter.ts prints it. */
    whySkipped?: string
  }
}

export const chromiumPath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'

/** What some tests need beside Node: whether it is there, and the package of Debian that has it. */
const tools = {
  /** The servers that all test files share (global-setup.ts). */
  sharedRedis: [() => inject('redisUrl') !== null, 'redis-server'],
  sharedPostgres: [() => inject('postgresUrl') !== null, 'postgresql'],
  sharedMysql: [() => inject('mysqlUrl') !== null, 'mariadb-server'],
  /** The programs, for tests that start servers of their own. */
  ownRedis: [() => findBinary('redis-server') !== null, 'redis-server'],
  ownPostgres: [() => findBinary('postgres') !== null, 'postgresql'],
  ownMariadb: [() => findBinary('mariadbd') !== null, 'mariadb-server'],
  galera: [hasGalera, 'mariadb-server'],
  chromium: [() => existsSync(chromiumPath), 'chromium'],
  nginx: [() => findBinary('nginx') !== null, 'nginx'],
  curl: [() => findBinary('curl') !== null, 'curl'],
  openssl: [() => findBinary('openssl') !== null, 'openssl'],
  strace: [() => findBinary('strace') !== null, 'strace'],
} as const satisfies Record<string, readonly [isThere: () => boolean, debian: string]>

/** Options of a suite or a test that is skipped where something is not installed. In CI that is an error. */
export function needs(...names: (keyof typeof tools)[]): TestOptions {
  const missing = new Set(names.flatMap((name) => (tools[name][0]() ? [] : tools[name][1])))
  const why = `not installed (Debian: apt-get install ${[...missing].join(' ')})`
  if (missing.size > 0 && process.env['CI']) throw new Error(`CI skips nothing: ${why}`)
  return skippedIf(missing.size > 0, why)
}

/** The same, where something takes so long to start that what it shows is left to CI and `npm run test:long`. */
export const needsInCI = (why: string, ...names: Parameters<typeof needs>): TestOptions =>
  process.env['CI'] || process.env['LONG'] ? needs(...names) : skippedIf(true, why)

/** Options of a suite or a test that is skipped under a condition. */
export const skippedIf = (isSkipped: boolean, why: string): TestOptions =>
  isSkipped ? { skip: true, meta: { whySkipped: why } } : {}
