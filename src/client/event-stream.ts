// This goes on with another event stream where the first event of one says that its cookie was replaced.

import type { Answer } from './attempts.ts'

const type = 'text/event-stream'

export const isEventStream = (response: Response): boolean =>
  response.body !== null && (response.headers.get('content-type')?.startsWith(type) ?? false)

/**
 * A response with the events of another one, at once and as they come. Only what could be a refusal is held back until
 * it is complete.
 * @param judge - tells after how many milliseconds to ask again, or null
 * @param again - waits and asks again; the signal ends both
 */
export function continued(
  first: Response,
  judge: (answer: Answer) => number | null,
  again: (delay: number, signal: AbortSignal) => Promise<Response>,
): Response {
  const over = new AbortController()
  let reader = first.body!.getReader()
  const events = eventsOf(first)

  async function* eventsOf(response: Response): AsyncGenerator<Uint8Array, void> {
    if (over.signal.aborted) {
      await response.body?.cancel()
      return
    }
    if (!isEventStream(response)) {
      yield new TextEncoder().encode(
        `event: next\ndata: ${JSON.stringify(await response.json())}\n\nevent: complete\n\n`,
      )
      return
    }
    if (response !== first) reader = response.body!.getReader()
    const decoder = new TextDecoder()
    let text = ''
    let held: Uint8Array[] = []
    for (let isJudged = false; ;) {
      const { done, value } = await reader.read()
      if (done) break
      held.push(value)
      if (!isJudged) {
        text += decoder.decode(value, { stream: true })
        // Comments keep the connection alive, and are no events.
        if (/^(?!:)./m.test(text) && !/\n\r?\n$/.test(text)) continue
        const [, data] = /^data: ?(.+)$/m.exec(text) ?? []
        isJudged = data !== undefined
        const delay = isJudged ? judge(JSON.parse(data!) as Answer) : null
        if (delay !== null) {
          await reader.cancel()
          yield* eventsOf(await again(delay, over.signal))
          return
        }
        text = ''
      }
      yield* held
      held = []
    }
    yield* held
  }

  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await events.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel(reason) {
      over.abort(reason)
      await reader.cancel(reason)
    },
  })
  return new Response(body, first)
}
