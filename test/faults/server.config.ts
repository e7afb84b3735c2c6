import type { SessionContext, SessionServerConfig } from '../../src/index.ts'

type Numbers = Record<string, number>
interface Change {
  readonly key: string
  readonly to: number
}

/** The servers of the fault tests: numbers under any key, also by compare-and-set. */
const config: SessionServerConfig<Numbers> = {
  keys: { '*': { client: ['read', 'write', 'delete'] } },
  storeTimeout: Number(process.env['STORE_TIMEOUT'] ?? 2000),
  graphiql: false,
  // A given name has no port, so that a client knows it at every address.
  cookie: { name: '__Host-session' },
  typeDefs: /* GraphQL */ `
    extend type Mutation {
      increment(key: String!): Int!
      raise(key: String!, to: Int!): Int!
    }
  `,
  resolvers: {
    Mutation: {
      increment: (_: unknown, { key }: Change, { session }: SessionContext<Numbers>) =>
        session.update(key, (number = 0) => number + 1),
      raise: (_: unknown, { key, to }: Change, { session }: SessionContext<Numbers>) =>
        session.update(key, (number = 0) => Math.max(number, to)),
    },
  },
}

export default config
