// This answers a request for which a hook of some plugin fails: by no text of the failure, and with the session's cookie.

import { type FetchAPI, isPromise, type Plugin } from 'graphql-yoga'

/** What to do about a hook that fails. */
export interface Rescue {
  /** Whether the request is answered here. Where it is not, Yoga gets the failure. */
  answers(request: Request): boolean
  /**
   * The answer to send instead.
   * @param failed - the answer as it was when the hook failed, or what was put into its place
   */
  replace(request: Request, failed: Response | undefined, fetchAPI: FetchAPI): Response
  /** Why an answer that is complete cannot be sent; null if it can. */
  whyUnsendable(response: Response): string | null
  log(failure: unknown): void
}

type MaybePromise<T> = T | Promise<T>

/**
 * Guards the hooks of all plugins that run before Yoga has a request and after it has an answer. Yoga would send what
 * they throw to the client, with its stack, and without the cookies of the answer.
 * @param plugins - those of a Yoga, as `onPluginInit` gets them
 */
export function guardHooks(plugins: object[], rescue: Rescue): void {
  for (const [index, plugin] of (plugins as (Plugin | false)[]).entries()) {
    const { onRequest, onResponse } = plugin || {}
    if (!plugin || (!onRequest && !onResponse)) continue
    plugins[index] = inPlaceOf(plugin, {
      ...(onRequest && { onRequest: guardedRequest(onRequest, rescue) }),
      ...(onResponse && { onResponse: guardedResponse(onResponse, rescue) }),
    })
  }
}

/**
 * The hooks of the plugin that stands last: they catch what the handler of requests throws, with all that other plugins
 * put around it, and judge each answer when nobody is going to change it any more.
 * @param isChanged - whether another plugin may have changed an answer that was judged before
 */
export const lastHooks = (
  rescue: Rescue,
  isChanged: () => boolean,
): Required<Pick<Plugin, 'onRequest' | 'onResponse'>> => ({
  onRequest({ requestHandler, setRequestHandler, fetchAPI }) {
    setRequestHandler((request, context) =>
      attempt<Response>(
        () => requestHandler(request, context),
        rescuing(rescue, request, () => rescue.replace(request, undefined, fetchAPI)),
      ),
    )
  },

  onResponse({ request, response, setResponse, fetchAPI }) {
    if (!isChanged()) return
    const other = judge(rescue)(request, response, fetchAPI)
    if (other) setResponse(other)
  },
})

/** Makes a function that gives the answer to send in the place of one that cannot be sent; null for one that can. */
export const judge =
  ({ whyUnsendable, log, replace }: Rescue) =>
  (request: Request, response: Response, fetchAPI: FetchAPI): Response | null => {
    const why = whyUnsendable(response)
    if (!why) return null
    log(why)
    return replace(request, response, fetchAPI)
  }

type OnRequest = NonNullable<Plugin['onRequest']>
type OnResponse = NonNullable<Plugin['onResponse']>

const guardedRequest =
  (onRequest: OnRequest, rescue: Rescue): OnRequest =>
  (payload) => {
    const { request, fetchAPI, endResponse } = payload
    return attempt(
      () => onRequest(payload),
      rescuing(rescue, request, () => endResponse(rescue.replace(request, undefined, fetchAPI))),
    )
  }

const guardedResponse =
  (onResponse: OnResponse, rescue: Rescue): OnResponse =>
  (payload) => {
    const { request, fetchAPI, setResponse } = payload
    let { response } = payload
    const set = (next: Response): void => {
      response = next
      setResponse(next)
    }
    return attempt(
      () => onResponse({ ...payload, setResponse: set }),
      rescuing(rescue, request, () => setResponse(rescue.replace(request, response, fetchAPI))),
    )
  }

/** @throws the failure, where this request is not answered here or its client has left */
const rescuing =
  <T>(rescue: Rescue, request: Request, instead: () => T) =>
  (failure: unknown): T => {
    const hasLeft = (failure as Error | null | undefined)?.name === 'AbortError' && request.signal.aborted
    if (hasLeft || !rescue.answers(request)) throw failure
    rescue.log(failure)
    return instead()
  }

function attempt<T>(run: () => MaybePromise<T>, instead: (failure: unknown) => T): MaybePromise<T> {
  let value
  try {
    value = run()
  } catch (failure) {
    return instead(failure)
  }
  return isPromise(value) ? value.then(undefined, instead) : value
}

/**
 * A plugin with some hooks replaced. The plugin itself may belong to several servers. Yoga calls its other hooks without
 * the plugin or, these two, as methods of it, which may need its private fields.
 */
function inPlaceOf(plugin: Plugin, hooks: Pick<Plugin, 'onRequest' | 'onResponse'>): Plugin {
  const own: Plugin = {
    ...(plugin.onYogaInit && { onYogaInit: (payload) => plugin.onYogaInit!(payload) }),
    ...(plugin.onSchemaChange && { onSchemaChange: (payload) => plugin.onSchemaChange!(payload) }),
    ...hooks,
  }
  return Object.create(plugin, Object.getOwnPropertyDescriptors(own)) as Plugin
}
