// This makes the server of a test: createSessionServer, or the other server that the present run is about.

import {
  createSessionServer,
  type SessionServer,
  type SessionServerOptions,
} from '../../src/server/create-session-server.ts'
import { onOtherServer, otherServer } from './other-servers.ts'

export function makeServer<Data extends object, Context extends object = {}>(
  options: SessionServerOptions<Data, Context>,
): SessionServer<Data, Context> {
  return otherServer ? (onOtherServer(options) as never) : createSessionServer(options)
}
