// This turns the result of an operation into status, headers and text, without a Response of the Fetch API.

import type { ExecutionResult } from 'graphql'
import { processRegularResult } from 'graphql-yoga'
import type { PlainType } from '../http/media-types.ts'

/** Status, headers and text of an answer that is no stream. */
export interface PlainAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** Makes an answer with Yoga's own function, which gets `Captured` in the place of the class Response. */
export const plainAnswer = (result: ExecutionResult, type: PlainType): PlainAnswer =>
  processRegularResult(result as never, { Response: Captured } as never, type) as unknown as PlainAnswer

/** Keeps what Yoga passes to the constructor of a Response. */
class Captured implements PlainAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string

  constructor(body: string, { status, headers }: { status: number; headers: Record<string, string> }) {
    this.body = body
    this.status = status
    this.headers = Object.entries(headers)
  }
}
