// This keeps answers that depend on a session out of a response cache, which would give them to other visitors.

import { type DocumentNode, getOperationAST, OperationTypeNode } from 'graphql'
import { isAsyncIterable, isPromise, type Plugin } from 'graphql-yoga'
import { SessionError } from '../session/errors.ts'

type OnExecute = NonNullable<Plugin['onExecute']>
type Hooks = Exclude<Awaited<ReturnType<OnExecute>>, void>

/**
 * Puts a guard before each response cache among the plugins of a Yoga: that of `@graphql-yoga/plugin-response-cache`, or
 * the one of `@envelop/response-cache` in it. The cache looks answers up and keeps them as before, but does not see those
 * that used a session. It still sees mutations, by which it knows what to drop.
 * @param plugins - all of them, as `onPluginInit` gets them
 * @param usesSession - tells by its GraphQL context whether an operation has used a session so far
 * @throws {SessionError} CONFIG_INVALID, where the part of the cache that keeps answers is not found
 */
export function guardCaches(plugins: object[], usesSession: (context: unknown) => boolean): void {
  let isFound = false
  // A Yoga has `false` in the place of what is turned off.
  for (const [index, plugin] of (plugins as (Plugin | false)[]).entries()) {
    const { onExecute } = plugin || {}
    if (!onExecute || !keepsAnswers(onExecute)) continue
    isFound = true
    // The plugin itself may belong to several servers.
    plugins[index] = Object.create(plugin as Plugin, {
      onExecute: { value: guarded(onExecute, usesSession) },
    }) as Plugin
  }
  if (isFound || !plugins.some((plugin) => servesAnswers(plugin))) return
  throw new SessionError(
    'CONFIG_INVALID',
    'useSession does not know this response cache, which may show the session of one visitor to another. Leave it out, or use @graphql-yoga/plugin-response-cache 3.',
  )
}

const guards = new WeakSet<OnExecute>()

/**
 * Whether a hook is that of a response cache. Its plugin has no name, but the hook writes the extension `didCache`, which
 * is documented, so that the word is in its text even where a bundler has shortened all other names.
 */
const keepsAnswers = (hook: OnExecute): boolean => guards.has(hook) || /\bdidCache\b/.test(String(hook))

/** Whether a plugin answers from a cache before anything is executed. It marks such answers by a global symbol. */
const servesAnswers = (plugin: Plugin | false): boolean =>
  /\bservedFromResponseCache\b/.test(String(plugin && plugin.onParams))

function guarded(onExecute: OnExecute, usesSession: (context: unknown) => boolean): OnExecute {
  const guard: OnExecute = (hook) => {
    const { args, executeFn } = hook
    let executed: DocumentNode | undefined
    const found = onExecute({
      ...hook,
      executeFn: ((run: typeof args) => {
        executed = run.document
        return executeFn(run)
      }) as typeof executeFn,
    })
    const watch = (hooks: Hooks | void): Hooks | void =>
      hooks?.onExecuteDone &&
      withoutSessions(
        hooks.onExecuteDone,
        () => usesSession(args.contextValue) && !(executed && isMutationWithFields(executed, args)),
      )
    return isPromise(found) ? found.then(watch) : watch(found)
  }
  guards.add(guard)
  return guard
}

type Done = NonNullable<Hooks['onExecuteDone']>

/** @param hides - whether the cache is not to see what the operation answers, as far as it has run */
function withoutSessions(done: Done, hides: () => boolean): Hooks {
  return {
    onExecuteDone(payload) {
      const { result, setResult } = payload
      const isStream = isAsyncIterable(result)
      if (!isStream && hides()) return setResult(withoutOwnFields(result))
      const next = done(payload)
      if (!isStream) return next
      // The cache keeps an answer in parts when it is given the last of them, and each may be the first to use a session.
      const watch = (hooks: Awaited<typeof next>): Awaited<typeof next> =>
        hooks?.onNext && {
          ...hooks,
          onNext: (part) => (hides() ? part.setResult(withoutOwnFields(part.result)) : hooks.onNext!(part)),
        }
      return isPromise(next) ? next.then(watch) : watch(next)
    },
  }
}

/**
 * Whether a cache has put its own fields into a mutation, in order to drop what the mutation changes. Where it was told
 * not to (`invalidateViaMutation: false`), it keeps the answers of mutations as those of queries.
 */
function isMutationWithFields(
  executed: DocumentNode,
  { document, operationName }: { document: DocumentNode; operationName?: string | null },
): boolean {
  const operation = getOperationAST(document, operationName)
  return (
    operation?.operation === OperationTypeNode.MUTATION &&
    getOperationAST(executed, operationName) !== operation
  )
}

/** The fields by which a cache asks for the type and the id of each object, and that it takes out of the answer. */
const ownFields: ReadonlySet<string> = new Set(['__responseCacheTypeName', '__responseCacheId'])

interface Part {
  readonly data?: unknown
  readonly items?: unknown
  readonly incremental?: readonly Part[] | undefined
}

function withoutOwnFields<Each extends object>(result: Each): Each {
  const { data, items, incremental }: Part = result
  return {
    ...result,
    ...(data !== undefined && { data: strip(data) }),
    ...(items !== undefined && { items: strip(items) }),
    ...(incremental && { incremental: incremental.map((part) => withoutOwnFields(part)) }),
  }
}

function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip)
  if (typeof value !== 'object' || value === null) return value
  // What a scalar has made of a class, a Date for example, stays as it is.
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value))) return value
  const entries = Object.entries(value).filter(([name]) => !ownFields.has(name))
  return Object.fromEntries(entries.map(([name, each]) => [name, strip(each)]))
}
