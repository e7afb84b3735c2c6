// This is the Yoga plugin that gives each request its session.

import type { ServerResponse } from 'node:http'
import { type ExecutionResult, getOperationAST, type GraphQLError } from 'graphql'
import {
  createGraphQLError,
  type FetchAPI,
  isAsyncIterable,
  type Plugin,
  type YogaInitialContext,
} from 'graphql-yoga'
import { endOfTurn } from '../http/end-of-turn.ts'
import { framing, isFraming } from '../http/headers.ts'
import { cutBegun } from '../http/reply.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import type { Session } from '../session/session.ts'
import type { Json } from '../session/value.ts'
import { Exchanges, type Result, sessionOptionNames, type SessionOptions } from './exchange.ts'
import { guardHooks, judge, lastHooks, type Rescue } from './failing-hooks.ts'
import { fieldResolverOf, scopeMutationFields } from './operation.ts'
import { ownHeaders } from './own-headers.ts'
import { guardCaches } from './response-cache.ts'
import { safeLogger } from './safe-logger.ts'
import { takeOver, unexpectedAnswer, whyNotSent } from './sendable.ts'
import { sessionsKey } from './socket-request.ts'
import { gatesOrigins, tellGate } from './use-gate.ts'

/**
 * What `useSession` adds to the GraphQL context.
 * @typeParam Data - the application's keys and the types of their values
 */
export interface SessionContext<Data extends object = Record<string, Json>> {
  /**
   * The session of the HTTP request, shared by the operations of a batch. The store is read at its first use.
   *
   * What a field of a mutation recorded is dropped when it fails. Below the root, where fields run side by side, a
   * resolver has to take the session when it is called, as `{ session }` in its parameters does. One that takes it
   * from the context after an `await` records in the name of its root field, if another field waits beside it.
   */
  session: Session<Data>
}

/**
 * Makes the Yoga plugin that gives every request a session, `context.session`. The session is saved before
 * the answer leaves.
 * @typeParam Data - the application's keys and the types of their values
 * @throws {SessionError} CONFIG_INVALID, naming the option. `createYoga` throws it, too, where the cookie has
 * `sameSite: 'none'` and there is no `useSessionGate` with `origins`, or beside a response cache that is not known
 */
export function useSession<Data extends object = Record<string, Json>>(
  options: SessionOptions<Data>,
): Plugin<SessionContext<Data>> {
  checkOptions('useSession', options, Object.keys(sessionOptionNames))
  return sessionPlugin(new Exchanges(options))
}

/**
 * The plugin of `useSession`, for a server that also uses the exchanges in another way.
 * @param answersAll - whether all requests are answered for which a hook of some plugin fails, also those that have not
 * used their session. Otherwise Yoga gets these failures, for which the application may have a handler
 */
export function sessionPlugin<Data extends object>(
  exchanges: Exchanges<Data>,
  answersAll = false,
): Plugin<SessionContext<Data>> {
  const after = hooksAfter(exchanges)
  /** Requests whose results set headers of framing. Few do, so that looking them up costs nothing. */
  const framed = new WeakSet<Request>()
  const usesSession = (context: unknown): boolean => {
    const { request } = (context ?? {}) as Partial<YogaInitialContext>
    return request !== undefined && Boolean(exchanges.find(request)?.isUsed)
  }
  /** Adds what the answer needs because of the session, once. */
  const finish = (request: Request, response: Response, fetchAPI: FetchAPI): Response => {
    const end = exchanges.find(request)?.finish(response.status, response.headers.get('vary'))
    if (!end) return response
    const headers = ownHeaders(response, fetchAPI)
    if (end.vary) {
      const vary = headers.get('vary')
      headers.set('vary', vary === null ? end.vary : `${vary}, ${end.vary}`)
    }
    for (const [name, value] of end.headers) {
      if (name !== 'set-cookie') headers.set(name, value)
      else if (!headers.getSetCookie().includes(value)) headers.append(name, value)
    }
    return end.status === response.status
      ? response
      : new fetchAPI.Response(response.body, { status: end.status, headers })
  }
  const rescue: Rescue = {
    answers: (request) => answersAll || usesSession({ request }),
    replace: (request, failed, fetchAPI) => finish(request, unexpectedAnswer(failed, fetchAPI), fetchAPI),
    whyUnsendable: whyNotSent,
    log: (failure) => exchanges.logger?.error(failure),
  }
  const judged = judge(rescue)
  const plugin: Plugin<SessionContext<Data>> = {
    onPluginInit({ plugins }) {
      let isLast = false
      // Its own hook runs when each of the others, and what they add, is there.
      plugins.push({
        onPluginInit() {
          const own = plugins.findIndex((each) => each === plugin)
          isLast = own !== -1 && plugins.slice(own + 1, -1).every((each) => !each || !('onResponse' in each))
          guardCaches(plugins, usesSession)
          guardHooks(plugins, rescue)
        },
        ...lastHooks(rescue, () => !isLast),
      })
      exchanges.areOriginsJudged = plugins.some((each) => gatesOrigins(each))
      if (exchanges.header) for (const each of plugins) tellGate(each, exchanges.header.name)
      if (!exchanges.isCrossSite || exchanges.areOriginsJudged) return
      throw new SessionError(
        'CONFIG_INVALID',
        "cookie.sameSite 'none' sends the cookie with the requests of any site: it needs useSessionGate({ origins }).",
      )
    },

    onYogaInit({ yoga }) {
      exchanges.logger = safeLogger(yoga.logger)
      Object.assign(yoga, { [sessionsKey]: exchanges })
    },

    onSchemaChange({ schema }) {
      scopeMutationFields(schema)
    },

    // This hook runs before the context is built, so that `context` and other plugins find the session in it.
    onEnveloped({ context, extendContext }) {
      const { request } = (context ?? {}) as Partial<YogaInitialContext>
      if (request) extendContext(exchanges.of(request).open())
    },

    onExecute({ args }) {
      const operation = getOperationAST(args.document, args.operationName)
      args.fieldResolver = fieldResolverOf(operation, args.fieldResolver)
      return after.execution
    },
    onSubscribe: () => after.subscription,

    onResultProcess({ request, result, setResult }) {
      if (framesItself(result)) framed.add(request)
      const settled = exchanges.find(request)?.settle(result)
      if (settled instanceof Promise) return settled.then(setResult)
      return settled && setResult(settled)
    },

    onResponse({ request, response: given, setResponse, fetchAPI, serverContext }) {
      const { res } = (serverContext ?? {}) as { res?: ServerResponse }
      const response = judged(request, given, fetchAPI) ?? given
      if (response !== given) setResponse(response)
      if (framed.has(request)) dropFraming(ownHeaders(response, fetchAPI))
      if (res) cutBegun(res, exchanges.logger)
      takeOver(res, () => ownHeaders(response, fetchAPI))
      if (!exchanges.find(request)) return undefined
      const finished = finish(request, response, fetchAPI)
      if (finished !== response) setResponse(finished)
      // The promise is shared by requests, and this plugin runs in any runtime: only answers of node:http wait for it.
      return serverContext && 'res' in serverContext ? endOfTurn(res?.socket) : undefined
    },
  }
  return plugin
}

interface HttpExtensions {
  readonly http?: { readonly headers?: Readonly<Record<string, unknown>> }
}

/** Whether extensions of a result, or of its errors, set headers by which a client finds the end of the answer. */
function framesItself(result: Result | undefined): boolean {
  if (!result || isAsyncIterable(result)) return false
  if (!Array.isArray(result) && !result.extensions && !result.errors) return false
  return [result].flat().some(({ extensions, errors = [] }) =>
    [extensions, ...errors.map((error) => error.extensions)].some((each) => {
      const { headers } = (each as HttpExtensions | undefined)?.http ?? {}
      return headers && Object.keys(headers).some(isFraming)
    }),
  )
}

function dropFraming(headers: Headers): void {
  for (const name of framing) headers.delete(name)
}

type After<Hook extends 'onExecute' | 'onSubscribe'> = Exclude<
  Awaited<ReturnType<NonNullable<Plugin[Hook]>>>,
  void
>

/** The hooks that follow an operation. They are the same for all operations of a server, so made once. */
function hooksAfter<Data extends object>(
  exchanges: Exchanges<Data>,
): {
  readonly execution: After<'onExecute'>
  readonly subscription: After<'onSubscribe'>
} {
  const translateNext = {
    onNext: (next: { result: ExecutionResult; setResult(result: ExecutionResult): void }) =>
      next.setResult(exchanges.translate(next.result)),
  }
  return {
    execution: {
      onExecuteDone({ args, result, setResult }) {
        if (isAsyncIterable(result)) return translateNext
        return setResult(exchanges.conclude(args.contextValue, result))
      },
    },
    subscription: {
      onSubscribeResult({ result, setResult }) {
        if (isAsyncIterable(result)) return translateNext
        return setResult(exchanges.translate(result))
      },
      onSubscribeError({ error, setError }) {
        const { originalError = error, path } = error as Partial<GraphQLError>
        if (!(originalError instanceof SessionError)) return
        const located = createGraphQLError(originalError.message, { originalError, path: path ?? null })
        setError(exchanges.translate({ errors: [located] }).errors[0])
      },
    },
  }
}
