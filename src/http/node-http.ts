// This has the module node:http where there is one: an import of it would fail where workers load the package for other parts.

import type * as Http from 'node:http'

/** The module; undefined where the runtime lacks it. */
export const http = process.getBuiltinModule('node:http') as typeof Http | undefined

/** Whether a value is a request of node:http, of HTTP/1. */
export const isIncomingMessage = (value: unknown): value is Http.IncomingMessage =>
  http !== undefined && value instanceof http.IncomingMessage
