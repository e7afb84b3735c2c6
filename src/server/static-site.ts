// This is what `--static` serves: the files of a folder, and its index.html where a browser navigates to no file.

import { createHash } from 'node:crypto'
import { readFileSync, realpathSync, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join, resolve, sep } from 'node:path'
import type { Plugin } from 'graphql-yoga'
import { type AllowedHostsOption, hostJudge } from '../http/allowed-hosts.ts'
import { encoded } from '../http/encoding.ts'
import { type GateRuleOptions, gateRules } from '../http/gate.ts'
import { hasOneHost, judgesHosts, noHost } from '../http/host.ts'
import type { Listener } from '../http/listen.ts'
import { headOf } from '../http/message.ts'
import { SessionError } from '../session/errors.ts'
import type { Content } from './graphiql-page.ts'
import { answer } from './graphiql.ts'
import { invalid } from './invalid.ts'
import { pageHeaders, StaticFiles } from './static-files.ts'

/** The options of a server by which requests for files are judged, too. */
export interface SiteOptions extends Pick<GateRuleOptions, 'trustProxy'>, AllowedHostsOption {
  /** The path of GraphQL, which no file hides. */
  readonly graphqlEndpoint: string
  /** Gets a line for each file that could not be sent. */
  readonly log: (line: string) => void
}

/** A server that `createSessionServer` made. */
interface Server {
  (message: IncomingMessage, response: ServerResponse): unknown
  drain(over?: Promise<unknown>): void
  upgrade: NonNullable<Listener['upgrade']>
}

/**
 * A folder of files, as a build of Vite makes it. A file is served before the server is asked. The page is served after
 * all plugins of the server were asked: a path that one of them answers, e.g. the way back from an identity provider, is
 * none of the page's.
 */
export class StaticSite {
  /** Answers with the page, or 404, where nobody else has answered a GET or HEAD. */
  readonly plugin: Plugin
  readonly #files: StaticFiles
  readonly #options: SiteOptions

  /**
   * @param folder - relative to the working directory
   * @throws {SessionError} CONFIG_INVALID, where the folder has no index.html, or something in it cannot be read
   */
  constructor(folder: string, options: SiteOptions) {
    this.#options = options
    if (options.graphqlEndpoint === '/') throw invalid('--static needs another graphqlEndpoint than /')
    try {
      const root = realpathSync(folder)
      const html = indexIn(root, folder)
      const policy = policyFor(html.toString())
      this.#files = new StaticFiles(root, policy, options.log)
      this.plugin = pagePlugin(options, pageContent(html, policy))
    } catch (error) {
      if (error instanceof SessionError) throw error
      const { code = '', path = '' } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' && path === resolve(folder))
        throw invalid(`--static: there is no folder ${folder}`)
      throw invalid(`--static: ${folder} cannot be read: ${code} ${path}`.trimEnd())
    }
  }

  /** Puts the files before a server. */
  before(server: Server): Listener {
    const { allowedHosts, graphqlEndpoint } = this.#options
    const rules = gateRules(this.#options)
    const judgeHost = hostJudge(allowedHosts, rules)
    const allowsHost = (message: IncomingMessage): boolean => {
      if (!hasOneHost(message)) return false
      const { header, ...head } = headOf(message)
      const withHost = (name: string) => header(name) ?? (name === 'host' ? noHost : undefined)
      return judgeHost?.({ ...head, header: withHost }, message.socket.remoteAddress) ?? true
    }
    const serve = async (
      path: string,
      message: IncomingMessage,
      response: ServerResponse,
    ): Promise<unknown> => (await this.#files.serve(path, message, response)) || server(message, response)
    const handle = (message: IncomingMessage, response: ServerResponse): unknown => {
      const { method } = message
      const path = method === 'GET' || method === 'HEAD' ? pathOf(message.url!) : null
      const mayBeFile = path !== null && !isIndex(path) && !isOfServer(path, graphqlEndpoint)
      // The server refuses a host by itself, and tells `onEvent`.
      if (!mayBeFile || !allowsHost(message)) return server(message, response)
      return serve(path.replace(/\/$/, '/index.html'), message, response)
    }
    return Object.assign(handle, {
      drain: (over: Promise<void>) => server.drain(over),
      upgrade: server.upgrade,
      [judgesHosts]: true,
    })
  }
}

/**
 * The path of a request's target, decoded. It is null where it can be none of a file: a target that is a whole URL, one
 * that goes up or to a hidden name, as `/.env` and `/.git/config`, or one that holds a separator in disguise.
 */
function pathOf(target: string): string | null {
  const [path = ''] = target.split(/[?#]/)
  if (!path.startsWith('/')) return null
  const names = path.slice(1).split('/').map(decoded)
  const isPath = names.every(
    (name, at) =>
      name !== null &&
      !holdsOther.test(name) &&
      (name !== '' || at === names.length - 1) &&
      (!name.startsWith('.') || (at === 0 && name === '.well-known')),
  )
  return isPath ? `/${names.join('/')}`.normalize() : null
}

/** What the name of a file in a URL does not hold: separators and control characters. */
const holdsOther = /[/\\\p{Cc}]/u

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

const isIndex = (path: string): boolean => path === '/' || path === '/index.html'

/** Whether a path is GraphQL's or a health check's, or below one of them. */
const isOfServer = (path: string, endpoint: string): boolean =>
  [decoded(endpoint), '/health'].some((own) => path === own || path.startsWith(`${own}/`))

function indexIn(root: string, folder: string): Buffer {
  if (!statSync(root).isDirectory()) throw invalid(`--static: ${folder} is no folder`)
  try {
    const path = realpathSync(join(root, 'index.html'))
    if (path.startsWith(root + sep)) return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EISDIR') throw error
  }
  throw invalid(`--static: ${folder} has no index.html`)
}

/**
 * The policy of the pages: they load from this server alone, and run no script in the page but those that index.html
 * had at the start. A build of Vite puts small pictures and fonts into its files, as `data:`.
 */
function policyFor(html: string): string {
  const hashes = inlineScriptsIn(html).map(
    (script) => ` 'sha256-${createHash('sha256').update(script).digest('base64')}'`,
  )
  return [
    "default-src 'self'",
    `script-src 'self'${[...new Set(hashes)].join('')}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** The texts of the scripts in a page, with the ends of lines that a browser makes of them. */
function inlineScriptsIn(html: string): string[] {
  const scripts = html
    .replaceAll(/\r\n?/g, '\n')
    .matchAll(/<script\b(?<attributes>(?:"[^"]*"|'[^']*'|[^>"'])*)>(?<text>[^]*?)<\/script\b/gi)
  return [...scripts].flatMap(({ groups }) =>
    /\ssrc\s*=/i.test(groups!['attributes']!) ? [] : [groups!['text']!],
  )
}

function pageContent(html: Buffer, policy: string): Content {
  const hash = createHash('sha256').update(html).digest('hex').slice(0, 16)
  return {
    body: encoded(html),
    headers: {
      ...pageHeaders(policy),
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      // Weak, as it is the same in each coding.
      etag: `W/"${hash}"`,
      vary: 'Accept, Accept-Encoding',
    },
  }
}

function pagePlugin({ graphqlEndpoint }: SiteOptions, page: Content): Plugin {
  return {
    async onRequest({ request, serverContext, fetchAPI, endResponse }) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return
      // Yoga's own URL has lost the dots and slashes by which a path is told to be none.
      const path = pathOf((serverContext as unknown as { req: IncomingMessage }).req.url!)
      if (path === null || isOfServer(path, graphqlEndpoint)) return
      const isPage = isIndex(path) || (isNavigation(request.headers.get('accept')) && !isAsset(path))
      endResponse(await answer(request, isPage ? page : undefined, fetchAPI))
    },
  }
}

/** Whether a browser navigates: it names HTML then, and for nothing else that a page loads. */
const isNavigation = (accept: string | null): boolean =>
  (accept ?? '').split(',').some((range) => /^\s*text\/html\s*(?:;(?!\s*q=0(?:\.0*)?\s*$)|$)/i.test(range))

/**
 * Whether a path that has no file is one of a file all the same. A path of the application may end in a dot and letters,
 * too, e.g. `/users/ada.lovelace`, so that only what builds make counts.
 */
const isAsset = (path: string): boolean =>
  /^\/(?:assets|\.well-known)\//.test(path) ||
  /\.(?:[cm]?js|css|map|json|wasm|txt|xml|webmanifest|ico|svg|png|jpe?g|gif|webp|avif|woff2?|ttf|otf|mp[34]|webm|pdf|zip|gz|br|html?)$/i.test(
    path,
  )
