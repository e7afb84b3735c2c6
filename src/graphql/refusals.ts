// This reports a refusal of the gate to the client, to the listener of `onEvent` and to the log.

import type { GraphQLError } from 'graphql'
import { createGraphQLError, type YogaLogger } from 'graphql-yoga'
import { hostForLog, hostNotAllowed } from '../http/allowed-hosts.ts'
import { aborted } from '../http/body.ts'
import {
  crossSite,
  type GateRules,
  isOrigin,
  type Refusal,
  refusalReply,
  type Reply,
  type RequestHead,
} from '../http/gate.ts'
import { emitterOf, type OnEvent } from '../session/events.ts'

/** Milliseconds between two hints at least: a page that tries again and again would fill the log. */
const hintInterval = 60_000

/**
 * Reports refusals of the gate: to the client, as an error of GraphQL or an answer of HTTP, to the listener
 * of `onEvent`, and, in the log, to the developer of the page that was refused.
 */
export class Refusals {
  /** Where hints are logged: Yoga's logger, once Yoga has started. */
  logger: Pick<YogaLogger, 'warn'> | undefined
  readonly #emit: OnEvent | undefined
  /** When each hint was logged last (milliseconds), by its text. */
  readonly #hintedAt = new Map<string, number>()

  /** @throws {SessionError} CONFIG_INVALID */
  constructor(onEvent: OnEvent | undefined) {
    this.#emit = emitterOf(onEvent)
  }

  /** The refusal as an error, for code whose errors Yoga turns into answers. */
  toError(refusal: Refusal): GraphQLError {
    this.#tell(refusal)
    const { status, code, message, headers } = refusal
    return createGraphQLError(message, {
      extensions: { code, http: { status, headers: { 'cache-control': 'no-store', ...headers } } },
    })
  }

  /**
   * The refusal as a complete answer of HTTP.
   * @param accept - the header `Accept` of the request
   */
  toReply(refusal: Refusal, accept: string | null | undefined): Reply {
    // A client that left before the end of its body gets no answer, so that there is no refusal to report.
    if (refusal !== aborted.refusal) this.#tell(refusal)
    return refusalReply(refusal, accept)
  }

  /**
   * Logs which option would let a refused page of another origin in: in development, each hint once a minute at most.
   */
  hint(head: RequestHead): void {
    this.#hint(crossSite, hintText(head.header('origin')))
  }

  /** Logs which option would let in a request that calls the server by another name: as `hint` does, and as often. */
  hintHost(head: RequestHead, rules: GateRules): void {
    this.#hint(hostNotAllowed, hostHint(hostForLog(head, rules)))
  }

  #hint({ code }: Refusal, text: string): void {
    if (process.env['NODE_ENV'] === 'production') return
    const now = Date.now()
    if (now - (this.#hintedAt.get(text) ?? Number.NEGATIVE_INFINITY) < hintInterval) return
    // A client that makes up origins would fill the memory.
    if (this.#hintedAt.size >= 100) this.#hintedAt.clear()
    this.#hintedAt.set(text, now)
    this.logger?.warn(`${code}: ${text}`)
  }

  #tell({ status, code }: Refusal): void {
    this.#emit?.({ type: 'refused', status, code })
  }
}

const hostHint = (name: string | null): string =>
  name === null || name.length > 200
    ? 'refused a request for a host that cannot be allowed.'
    : `refused a request for another host. To allow it, add it to the option allowedHosts: ['${name}'].`

function hintText(origin: string | null | undefined): string {
  if (!origin) {
    return 'refused a GET that has a cookie, and that a page of another site sent or may have sent. Let pages and other clients send POST, or Content-Type: application/json with it.'
  }
  if (!isOrigin(origin) || origin.length > 200) {
    return 'refused a page whose origin cannot be allowed, e.g. one that was opened as a file. Serve the page by http.'
  }
  return `refused a page of another origin. To allow it, add it to the option origins: ['${origin}']. If it is the server's own origin behind a proxy, set trustProxy.`
}
