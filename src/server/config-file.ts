/** Loads the file of `--config`. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { SessionServerConfig } from './create-session-server.ts'
import { invalid } from './invalid.ts'

export async function loadConfig(file: string): Promise<SessionServerConfig> {
  if (file === '') throw invalid('--config needs a file')
  const { default: config } = (await import(pathToFileURL(resolve(file)).href)) as {
    default?: SessionServerConfig
  }
  if (typeof config !== 'object' || config === null) throw invalid(`${file} has no object as default export`)
  if ('store' in config)
    throw invalid(`${file} has an option "store", but SESSION_STORE says where sessions are kept`)
  return config
}
