import {
  finalAsyncIterator,
  isAsyncIterable,
  mapAsyncIterator,
  type Plugin,
  type YogaInitialContext,
} from 'graphql-yoga'
import { failed, translate } from './answer.ts'
import { type CookieOptions, type SessionCookie, sessionCookie } from './cookie.ts'
import { SessionError } from './errors.ts'
import { type KeyDeclarations, keyRights } from './keys.ts'
import { operationOf, scopeMutationFields, startOperation } from './operation.ts'
import { Session } from './session.ts'
import { checkOptions } from './options.ts'
import { resolveSettings, type SessionSettings } from './settings.ts'
import type { KeyedStore } from './store.ts'
import { keyed } from './stores/keyed.ts'
import { UnitOfWork } from './unit.ts'
import type { Json } from './value.ts'

export interface SessionOptions<Data extends object = Record<string, Json>> extends SessionSettings {
  /** Where sessions are kept, e.g. `memoryStore({ max: 10_000 })`. */
  readonly store: KeyedStore
  /** What clients may read, write and delete. @default nothing */
  readonly keys?: KeyDeclarations<Data>
  readonly cookie?: CookieOptions
}

/** What `useSession` adds to the GraphQL context. */
export interface SessionContext<Data extends object = Record<string, Json>> {
  /** One per HTTP request, shared by the operations of a batch. Asking for it reads nothing yet. */
  session: Session<Data>
}

const optionNames: readonly string[] = [
  'store',
  'keys',
  'cookie',
  'idleTimeout',
  'absoluteTimeout',
  'limits',
  'clock',
] satisfies (keyof SessionOptions)[]

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
  checkOptions('useSession', options, optionNames)
  const { keys = {}, cookie: cookieOptions = {} } = options
  if (typeof options.store?.commit !== 'function') {
    throw new SessionError(
      'CONFIG_INVALID',
      'store must be a session store, e.g. memoryStore({ max: 10_000 }).',
    )
  }
  const store = keyed(options.store)
  const settings = resolveSettings(options)
  const mayClient = keyRights(keys)
  const secureCookie = sessionCookie(cookieOptions)
  const plainCookie =
    process.env['NODE_ENV'] === 'production' ? secureCookie : sessionCookie(cookieOptions, false)
  const exchanges = new WeakMap<Request, Exchange>()

  function exchangeOf(request: Request): Exchange {
    let exchange = exchanges.get(request)
    if (!exchange) {
      const cookie = isPlainLoopback(request.url) ? plainCookie : secureCookie
      const token = cookie.read(request.headers.get('cookie'))
      exchange = { unit: new UnitOfWork(store, settings, token), cookie, streams: false }
      exchanges.set(request, exchange)
    }
    return exchange
  }

  return {
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
    }),

    async onResultProcess({ request, result, setResult }) {
      const exchange = exchanges.get(request)
      if (!exchange) return
      const { unit } = exchange
      const failure = await saved(unit)
      if (isAsyncIterable(result)) {
        exchange.streams = true
        unit.seal()
        if (failure) await result[Symbol.asyncIterator]().return?.()
        else setResult(saveAlong(result, unit))
      }
      if (failure) setResult(Array.isArray(result) ? result.map(() => failed(failure)) : failed(failure))
    },

    // Runs also for requests that never had a session: health checks, GraphiQL's page, preflights.
    onResponse({ request, response: { headers } }) {
      const exchange = exchanges.get(request)
      if (!exchange?.unit.touched && !exchange?.streams) return
      const vary = headers.get('vary')
      if (!vary?.split(',').some((name) => ['*', 'cookie'].includes(name.trim().toLowerCase()))) {
        headers.append('vary', 'Cookie')
      }
      headers.set('cache-control', 'no-store')
      const { unit, cookie } = exchange
      if (unit.cookie === 'clear') headers.append('set-cookie', cookie.clear())
      else if (unit.cookie) headers.append('set-cookie', cookie.set(unit.cookie))
    },
  }
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

/** Each part of a stream is delivered when what was recorded until then is stored. */
function saveAlong<Part extends object>(parts: AsyncIterable<Part>, unit: UnitOfWork): AsyncIterable<Part> {
  const saving = mapAsyncIterator(parts, async (part) => {
    const failure = await saved(unit)
    return failure
      ? ({ ...failed(failure), ...('hasNext' in part && { hasNext: part.hasNext }) } as unknown as Part)
      : part
  })
  return finalAsyncIterator(saving, () => void saved(unit))
}

/** Where browsers refuse `Secure` and the prefixes that need it, except that some trust localhost. */
const isPlainLoopback = (url: string): boolean =>
  /^http:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?(?:[/?#]|$)/i.test(url)
