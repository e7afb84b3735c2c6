// This saves what each part of a stream does to the session, and ends the stream with its session.

import { isOfSession, SessionError, streamEnded } from '../session/errors.ts'
import type { UnitOfWork } from '../session/unit-of-work.ts'
import { failed } from './errors.ts'
import { over } from './iterator-end.ts'

/**
 * Saves, and returns the failure instead of throwing it: a throw in Yoga's `onResultProcess` would run its
 * hooks again, and then answer with a stack trace.
 */
export async function saved(unit: UnitOfWork, log: (failure: unknown) => void): Promise<unknown> {
  try {
    for (const failure of await unit.untold()) {
      // Something that the answer would tell of has not happened.
      if (isOfSession(failure)) throw failure
      log(
        failure instanceof SessionError
          ? `A verb without await: ${failure.code}: ${failure.message}`
          : failure,
      )
    }
    if (unit.needsSaving) await unit.save()
    return null
  } catch (error) {
    return error
  }
}

/**
 * Wraps a stream so that each part, and its end, is delivered only when the changes recorded until then are
 * stored. Changes that could not be stored are dropped, and the client is told once. That also ends an answer
 * in parts (`@defer`, `@stream`), as its later parts would add to data that was taken back. Each part begins anew
 * with the store: what failed in one part, the store for example, need not fail in the next.
 *
 * Once the stream has used its session, it ends when that does, on whatever server and by whomever it was ended: in an
 * error that says why, also while it waits for its next part. A part that is under way is not delivered then.
 */
export function saveAlong<Each extends object>(
  parts: AsyncIterable<Each>,
  unit: UnitOfWork,
  log: (failure: unknown) => void,
): AsyncGenerator<Each> {
  const source = parts[Symbol.asyncIterator]()
  let isOver = false
  let isInParts = false
  let ending: SessionError | null = null
  let unfollow: (() => void) | null = null
  let waiting: PromiseWithResolvers<IteratorResult<Each>> | undefined

  const leave = (): void => {
    isOver = true
    unfollow?.()
    unfollow = null
  }
  const last = (failure: unknown): IteratorResult<Each> => {
    leave()
    unit.close()
    // The source is not waited for, as it may wait for a resolver itself.
    source.return?.().catch(() => {})
    return { done: false, value: { ...failed(failure), ...(isInParts && { hasNext: false }) } as never }
  }
  const follow = async (): Promise<void> => {
    if (unfollow || unit.tellsEnds) return
    unfollow = await unit.follow({
      most: unit.settings.maxStreams,
      onEnd(why) {
        ending = streamEnded(why)
        unit.discard()
        if (!isOver && waiting) waiting.resolve(last(ending))
      },
    })
  }
  const afterSaving = async (step: IteratorResult<Each>): Promise<IteratorResult<Each>> => {
    const failure = await saved(unit, log)
    log(unit.failure ?? failure)
    isInParts ||= 'hasNext' in (step.value ?? {})
    if (!failure) {
      if (step.done) leave()
      return step
    }
    unit.discard()
    return isInParts ? last(failure) : { done: false, value: failed(failure) as never }
  }
  /** Waits for a part, or for the end of the session. A race of promises would keep something of each part. */
  const advance = async (take: () => Promise<IteratorResult<Each>>): Promise<IteratorResult<Each>> => {
    if (isOver) return over
    unit.recover()
    try {
      await follow()
    } catch (error) {
      return last(error)
    }
    // The client may have left in the meantime.
    if (isOver) {
      leave()
      return over
    }
    if (ending) return last(ending)
    const step = Promise.withResolvers<IteratorResult<Each>>()
    waiting = step
    take().then(afterSaving).then(step.resolve, step.reject)
    try {
      return await step.promise
    } finally {
      waiting = undefined
    }
  }
  return {
    next: () => advance(() => source.next()),
    async return(value: unknown) {
      leave()
      unit.recover()
      const step = (await source.return?.(value)) ?? { done: true, value }
      const failure = await saved(unit, log)
      log(unit.failure ?? failure)
      return step
    },
    throw: (error: unknown) =>
      advance(async () => {
        if (!source.throw) throw error
        return source.throw(error)
      }),
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return(undefined)
    },
  }
}
