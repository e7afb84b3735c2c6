// This loads the file of `--config`, and names the line of the mistake when the file cannot be loaded.

import { execFile } from 'node:child_process'
import { relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { inspect, promisify } from 'node:util'
import { SessionError } from '../session/errors.ts'
import type { SessionServerConfig } from './create-session-server.ts'

/**
 * Imports the file, and returns its default export.
 * @throws {SessionError} CONFIG_INVALID
 */
export async function loadConfig(file: string): Promise<SessionServerConfig> {
  if (file === '') throw invalid('--config needs a file.')
  const url = pathToFileURL(resolve(file)).href
  const { default: config } = await importModule(url, file)
  if (typeof config !== 'object' || config === null) throw invalid(`${file} has no object as default export.`)
  if ('store' in config) {
    throw invalid(`${file} has an option "store", but SESSION_STORE says where sessions are kept.`)
  }
  return config
}

/** Names the config file in what is wrong with it. @throws {SessionError} CONFIG_INVALID */
export function naming<T>(file: string | undefined, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (file === undefined || !(error instanceof SessionError)) throw error
    throw new SessionError('CONFIG_INVALID', `${file}: ${error.message}`)
  }
}

async function importModule(url: string, file: string): Promise<{ default?: SessionServerConfig }> {
  const idle = Promise.withResolvers<never>()
  // A file that awaits what never settles leaves Node nothing to do, and Node would end without a message.
  const onIdle = (): void => idle.reject(invalid(`${file} awaits something that never comes.`))
  process.once('beforeExit', onIdle)
  try {
    return (await Promise.race([import(url), idle.promise])) as { default?: SessionServerConfig }
  } catch (error) {
    throw invalid(await explain(error, url, file))
  } finally {
    process.off('beforeExit', onIdle)
  }
}

const ownFolder = new URL('..', import.meta.url)

/** One line for a file that cannot be loaded; error and stack, less our frames, for one that throws. */
async function explain(error: unknown, url: string, file: string): Promise<string> {
  if (!(error instanceof Error)) return `${file} throws ${inspect(error)}`
  const [head = '', ...frames] = (error.stack ?? error.message).split(/\n(?= {4}at )/)
  const message = oneLine(error.message.split(` imported from ${fileURLToPath(ownFolder)}`)[0]!)
  const isSyntax = error instanceof SyntaxError
  const known = isSyntax && placeIn(head)
  if (known) return at(known, message)
  const outside = frames.filter(
    (frame) => !/\(<anonymous>\)|node:/.test(frame) && !frame.includes(ownFolder.href),
  )
  if (outside.length > 0) return [head, ...outside].join('\n')
  const printed = isSyntax && placeIn(await printedBy(url))
  if (printed) return at(printed, message)
  return isSyntax ? `${file}: SyntaxError: ${message}` : message
}

interface Place {
  readonly file: string
  readonly line: string
  /** `undefined` for a mistake at the end of a file, where Node prints no caret. */
  readonly column: number | undefined
  readonly source: string
}

/** Reads what Node prints before a syntax error: `file:line`, lines of source, and a caret below the last. */
function placeIn(printed: string): Place | undefined {
  const lines = printed.split('\n')
  const start = lines.findIndex((line) => /^(?:file:|\/|[A-Z]:\\).*:\d+$/.test(line))
  if (start < 0) return undefined
  const [, file, line] = /^(.*):(\d+)$/.exec(lines[start]!)!
  const end = lines.findIndex((each, index) => index > start && /^\s*\^+\s*$/.test(each))
  return {
    file: file!.startsWith('file:') ? fileURLToPath(file!) : file!,
    line: line!,
    column: end < 0 ? undefined : lines[end]!.indexOf('^') + 1,
    source: end < 0 ? '' : lines[end - 1]!.trim(),
  }
}

function at({ file, line, column, source }: Place, message: string): string {
  const near = relative('', file)
  const place = [near.startsWith('..') ? file : near, line, column].filter((part) => part !== undefined)
  return `${place.join(':')}: SyntaxError: ${message}${source && `: ${oneLine(source)}`}`
}

/**
 * What Node prints when it imports the file in another process and nobody catches the error. An error that is
 * caught does not tell where an ES module has its syntax error; Node only prints it.
 */
async function printedBy(url: string): Promise<string> {
  const program = ['--input-type=module', '--eval', 'await import(process.argv[1])', url]
  try {
    await promisify(execFile)(process.execPath, [...process.execArgv, ...program], { timeout: 10_000 })
    return ''
  } catch (error) {
    return (error as { stderr?: string }).stderr ?? ''
  }
}

const oneLine = (words: string): string => words.replaceAll(/\s*\n\s*/g, ' ').trim()

const invalid = (message: string): SessionError => new SessionError('CONFIG_INVALID', message)
