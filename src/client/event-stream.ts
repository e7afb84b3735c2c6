// This goes on with another event stream where one says that its cookie was replaced.

import type { Answer, Attempts } from './attempts.ts'

const type = 'text/event-stream'

export const isEventStream = (response: Response): boolean =>
  response.body !== null && (response.headers.get('content-type')?.startsWith(type) ?? false)

/**
 * A response with the events of another one, at once and as they come. Only what could be a refusal is held back until
 * it is complete: the first event, and of a subscription each one.
 * @param attempts - tell after how many milliseconds to ask again
 * @param again - waits and asks again; the signal ends both
 */
export function continued(
  first: Response,
  attempts: Attempts,
  again: (delay: number, signal: AbortSignal) => Promise<Response>,
): Response {
  const over = new AbortController()
  let reader = first.body!.getReader()
  const events = eventsOf(first)

  async function* eventsOf(begun: Response): AsyncGenerator<Uint8Array, void> {
    for (let response: Response | null = begun; response;) response = yield* oneOf(response)
  }

  /** @returns the one with which to go on */
  async function* oneOf(response: Response): AsyncGenerator<Uint8Array, Response | null> {
    if (over.signal.aborted) {
      await response.body?.cancel()
      return null
    }
    if (!isEventStream(response)) {
      yield new TextEncoder().encode(
        `event: next\ndata: ${JSON.stringify(await response.json())}\n\nevent: complete\n\n`,
      )
      return null
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
        let before = ''
        for (const event of text.split(/(?<=\n\r?\n)/)) {
          const [, data] = /^data: ?(.+)$/m.exec(event) ?? []
          const delay = data !== undefined && !isJudged ? attempts.judge(JSON.parse(data) as Answer) : null
          if (delay !== null) {
            await reader.cancel()
            if (before) yield new TextEncoder().encode(before)
            return again(delay, over.signal)
          }
          isJudged ||= data !== undefined && !attempts.goesOn
          before += event
        }
        text = ''
      }
      yield* held
      held = []
    }
    yield* held
    return null
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
