import { isAsyncIterable, type Plugin, type YogaInitialContext, type YogaLogger } from 'graphql-yoga'
import { failed, toGraphQL, translate, unavailable } from './answer.ts'
import { type CookieOptions, type SessionCookie, sessionCookie } from './cookie.ts'
import { SessionError } from './errors.ts'
import { type KeyDeclarations, keyRights } from './keys.ts'
import { operationOf, scopeMutationFields, startOperation } from './operation.ts'
import { Session } from './session.ts'
import { checkOptions } from './options.ts'
import { resolveSettings, type SessionSettings, settingNames } from './settings.ts'
import type { SessionStore, Store } from './store.ts'
import { checkStore, openStore } from './stores/open.ts'
import { UnitOfWork } from './unit.ts'
import type { Json } from './value.ts'

export interface SessionOptions<Data extends object = Record<string, Json>> extends SessionSettings {
  /** Where sessions are kept, e.g. `memoryStore({ max: 10_000 })`. */
  readonly store: SessionStore
  /** What clients may read, write and delete. @default nothing */
  readonly keys?: KeyDeclarations<Data>
  readonly cookie?: CookieOptions
}

/** What `useSession` adds to the GraphQL context. */
export interface SessionContext<Data extends object = Record<string, Json>> {
  /** One per HTTP request, shared by the operations of a batch. Asking for it reads nothing yet. */
  session: Session<Data>
}

export const sessionOptionNames: Record<keyof SessionOptions, true> = {
  store: true,
  keys: true,
  cookie: true,
  ...settingNames,
}

/** A cookie, and the store of the sessions that it carries. */
interface Carrier {
  readonly cookie: SessionCookie
  readonly store: Store
}

/** One HTTP request: its work on the session, and how its cookie is written. */
interface Exchange {
  readonly unit: UnitOfWork
  readonly cookie: SessionCookie
  /** Whether the answer may go on to use the session after its headers left. */
  streams: boolean
}

/**
 * Gives every request of a GraphQL Yoga server a session, `context.session`, saved before the answer leaves.
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function useSession<Data extends object = Record<string, Json>>(
  options: SessionOptions<Data>,
): Plugin<SessionContext<Data>> {
  checkOptions('useSession', options, Object.keys(sessionOptionNames))
  const { keys = {}, cookie: cookieOptions = {} } = options
  checkStore(options.store)
  const settings = resolveSettings(options)
  const mayClient = keyRights(keys)
  const carrying = (cookie: SessionCookie): Carrier => ({
    cookie,
    store: openStore(options.store, cookie, settings),
  })
  const secure = carrying(sessionCookie(cookieOptions))
  const plain =
    process.env['NODE_ENV'] === 'production'
      ? secure
      : carrying(sessionCookie(cookieOptions, { secure: false }))
  const exchanges = new WeakMap<Request, Exchange>()
  let logger: YogaLogger | undefined

  function exchangeOf(request: Request): Exchange {
    let exchange = exchanges.get(request)
    if (!exchange) {
      const { cookie, store } = isPlainLoopback(request.url) ? plain : secure
      const presented = cookie.read(request.headers.get('cookie'))
      exchange = { unit: new UnitOfWork(store, settings, presented), cookie, streams: false }
      exchanges.set(request, exchange)
    }
    return exchange
  }

  /** For whoever runs the server. A driver's message may hold a password, so that only its code is shown. */
  function log(failure: unknown): void {
    if (!(failure instanceof SessionError)) {
      if (failure) logger?.error(failure)
    } else if (failure.code.startsWith('SESSION_STORE_')) {
      const { name, code = '' } = (failure.cause ?? {}) as Partial<NodeJS.ErrnoException>
      logger?.error(name === undefined ? failure.code : `${failure.code}: ${name} ${code}`.trimEnd())
    }
  }

  return {
    onYogaInit({ yoga }) {
      logger = yoga.logger
    },

    onSchemaChange({ schema }) {
      scopeMutationFields(schema)
    },

    onContextBuilding({ context, extendContext }) {
      const { request } = context as Partial<YogaInitialContext>
      if (!request) return
      const { unit } = exchangeOf(request)
      const session: Session<Data> = new Session(unit, mayClient, () => operation.scope)
      const operation = startOperation(session, unit)
      extendContext({ session })
    },

    onExecute: () => ({
      onExecuteDone({ args, result, setResult }) {
        if (isAsyncIterable(result)) return { onNext: (next) => next.setResult(translate(next.result)) }
        operationOf(args.contextValue)?.dropErased(result)
        return setResult(translate(result))
      },
    }),

    onSubscribe: () => ({
      onSubscribeResult({ result, setResult }) {
        if (isAsyncIterable(result)) return { onNext: (next) => next.setResult(translate(next.result)) }
        return setResult(translate(result))
      },
      onSubscribeError({ error, setError }) {
        if (error instanceof SessionError) setError(toGraphQL(error))
      },
    }),

    async onResultProcess({ request, result, setResult }) {
      const exchange = exchanges.get(request)
      if (!exchange) return
      const { unit } = exchange
      const failure = await saved(unit)
      log(unit.failure ?? failure)
      if (isAsyncIterable(result)) {
        exchange.streams = true
        unit.seal()
        if (failure) await result[Symbol.asyncIterator]().return?.()
        else setResult(saveAlong(result, unit))
      } else unit.close()
      if (failure) setResult(Array.isArray(result) ? result.map(() => failed(failure)) : failed(failure))
    },

    // Runs also for requests that never had a session: health checks, GraphiQL's page, preflights.
    onResponse({ request, response, setResponse, fetchAPI }) {
      const exchange = exchanges.get(request)
      if (!exchange?.unit.touched && !exchange?.streams) return
      addHeaders(response.headers, exchange)
      // Yoga answers a batch with 200, whatever its results say.
      if (exchange.unit.failure && !exchange.streams && response.status < unavailable.status) {
        const { headers, body } = response
        for (const [name, value] of Object.entries(unavailable.headers)) headers.set(name, value)
        setResponse(new fetchAPI.Response(body, { status: unavailable.status, headers }))
      }
    },
  }
}

function addHeaders(headers: Headers, { unit, cookie }: Exchange): void {
  const vary = headers.get('vary')
  if (!vary?.split(',').some((name) => ['*', 'cookie'].includes(name.trim().toLowerCase()))) {
    headers.append('vary', 'Cookie')
  }
  headers.set('cache-control', 'no-store')
  if (unit.cookie === 'clear') headers.append('set-cookie', cookie.clear())
  else if (unit.cookie) headers.append('set-cookie', cookie.set(unit.cookie))
}

/** A throw in onResultProcess would run its hooks again, and then answer with a stack trace. */
async function saved(unit: UnitOfWork): Promise<unknown> {
  try {
    if (unit.touched) await unit.save()
    return null
  } catch (error) {
    return error
  }
}

/**
 * Each part of a stream is delivered when what was recorded until then is stored, and so is its end. What could
 * not be stored is told once and forgotten.
 */
function saveAlong<Part extends object>(parts: AsyncIterable<Part>, unit: UnitOfWork): AsyncGenerator<Part> {
  const source = parts[Symbol.asyncIterator]()
  const afterSaving = async (step: IteratorResult<Part>): Promise<IteratorResult<Part>> => {
    const failure = await saved(unit)
    if (!failure) return step
    unit.discard()
    const { hasNext } = (step.value ?? {}) as { hasNext?: boolean }
    return { done: false, value: { ...failed(failure), ...(hasNext !== undefined && { hasNext }) } as never }
  }
  return {
    next: async () => afterSaving(await source.next()),
    async return(value: unknown) {
      const step = (await source.return?.(value)) ?? { done: true, value }
      await saved(unit)
      return step
    },
    async throw(error: unknown) {
      if (!source.throw) throw error
      return afterSaving(await source.throw(error))
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return(undefined)
    },
  }
}

/** Where browsers refuse `Secure` and the prefixes that need it, except that some trust localhost. */
const isPlainLoopback = (url: string): boolean =>
  /^http:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?(?:[/?#]|$)/i.test(url)
