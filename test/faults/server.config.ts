import { setTimeout } from 'node:timers/promises'
import type { SessionContext, SessionServerConfig } from '../../src/index.ts'
import { application } from '../long/flood-documents.ts'

type Numbers = Record<string, number>
interface Change {
  readonly key: string
  readonly to: number
}

/** Streams whose source was begun and has not ended. */
let live = 0

async function* beats(): AsyncGenerator<{ pulse: number }> {
  live++
  try {
    for (let pulse = 1; ; pulse++) {
      yield { pulse }
      await setTimeout(25)
    }
  } finally {
    live--
  }
}

/** The servers of the fault tests: numbers under any key, also by compare-and-set, and in each event of a stream. */
const config: SessionServerConfig<Numbers> = {
  keys: { '*': { client: ['read', 'write', 'delete'] } },
  storeTimeout: Number(process.env['STORE_TIMEOUT'] ?? 2000),
  storeCalls: Number(process.env['STORE_CALLS'] ?? 1000),
  operationLimits: application.operationLimits,
  graphiql: false,
  // A given name has no port, so that a client knows it at every address.
  cookie: { name: '__Host-session' },
  typeDefs: /* GraphQL */ `
    ${application.typeDefs}
    extend type Query {
      live: Int!
    }
    extend type Subscription {
      pulse: Int!
    }
    extend type Mutation {
      increment(key: String!): Int!
      raise(key: String!, to: Int!): Int!
    }
  `,
  resolvers: {
    Query: { ...application.resolvers.Query, live: () => live },
    Subscription: {
      ...application.resolvers.Subscription,
      pulse: {
        subscribe: beats,
        resolve({ pulse }: { pulse: number }, _: unknown, { session }: SessionContext<Numbers>) {
          session.set('pulse', pulse)
          return pulse
        },
      },
    },
    Mutation: {
      increment: (_: unknown, { key }: Change, { session }: SessionContext<Numbers>) =>
        session.update(key, (number = 0) => number + 1),
      raise: (_: unknown, { key, to }: Change, { session }: SessionContext<Numbers>) =>
        session.update(key, (number = 0) => Math.max(number, to)),
    },
  },
}

export default config
