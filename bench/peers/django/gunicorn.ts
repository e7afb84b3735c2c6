// This serves the workload by Django behind gunicorn, in processes that are no part of this one.

import { execFileSync, spawn } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { accepts, freePort } from '../../../test/support/servers.ts'
import { findPython } from '../../python.ts'
import type { Foreign } from '../../serve.ts'
import { usageOf } from '../../usage.ts'

/** Sessions in PostgreSQL, and one worker, which serves one request after the other. */
export const db = (database: string): Promise<Foreign> => serving({ database, workers: 1 })

/** As `db`, with as many workers as let one compute while the other one waits for PostgreSQL. */
export const db2 = (database: string): Promise<Foreign> => serving({ database, workers: 2 })

/** @param urls - those of PostgreSQL and of Redis, with a space between them */
export async function cachedDb(urls: string): Promise<Foreign> {
  const [database, cache] = urls.split(' ') as [string, string]
  return serving({ database, cache, workers: 1 })
}

interface Options {
  readonly database: string
  readonly cache?: string
  readonly workers: number
}

async function serving({ database, cache, workers }: Options): Promise<Foreign> {
  const python = findPython(['django', 'gunicorn', 'psycopg2', ...(cache ? ['django_redis'] : [])])
  if (!python) throw new Error('There is no Python with Django.')
  const options = {
    cwd: import.meta.dirname,
    env: {
      ...process.env,
      PYTHONDONTWRITEBYTECODE: '1',
      BENCH_DATABASE: database,
      ...(cache && { BENCH_CACHE: cache }),
    },
  }
  execFileSync(python.path, ['app.py', 'migrate', '--verbosity', '0'], { ...options, stdio: 'inherit' })
  const port = await freePort()
  const bound = ['--bind', `127.0.0.1:${port}`, '--log-level', 'warning']
  const child = spawn(
    python.path,
    ['-m', 'gunicorn', ...bound, '--worker-class', 'sync', '--workers', String(workers), 'app:application'],
    { ...options, stdio: 'inherit' },
  )
  process.once('exit', () => child.kill())
  child.once('exit', (code) => {
    console.error(`gunicorn ended with ${code}.`)
    process.exit(1)
  })
  while (!(await accepts(port))) await setTimeout(50)
  return { port, usage: () => usageOf(child.pid!) }
}
