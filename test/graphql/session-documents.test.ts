import { buildSchema, parse, validate } from 'graphql'
import { describe, expect, it } from 'vitest'
import { OperationJudge } from '../../src/graphql/complexity.ts'
import { sessionData } from '../../src/graphql/data/session-data.ts'
import { sessionTypeDefs } from '../../src/graphql/resolvers.ts'
import { sessionDocuments } from '../../src/graphql/session-documents.ts'
import { clientOf, schemaOf, storefront } from './data/storefront.ts'

/** The documents for a schema, which all have to be valid. */
function documentsFor(schema = buildSchema(sessionTypeDefs)): string {
  const text = sessionDocuments(schema)
  expect(validate(schema, parse(text))).toEqual([])
  return text
}

const fragmentOf = (text: string): string => text.slice(0, text.indexOf('\n}\n') + 3)

describe('the documents of a session', () => {
  it('select all that a client may read, and leave out what needs an argument', () => {
    const data = sessionData(storefront, { verbs: 'typed' })
    expect(documentsFor(schemaOf(data))).toBe(`\
fragment SessionAll on Session {
  id
  handle
  isNew
  isEmpty
  createdAt
  expiresAt
  expiresIn
  expiresAtBrowserClose
  hasFlash
  darkMode
  cart {
    id
    sku
    quantity
  }
  currency
  userId
}

query GetSession {
  session {
    ...SessionAll
  }
}

mutation UpdateSessionData($data: SessionDataInput!) {
  updateSessionData(data: $data) {
    session {
      ...SessionAll
    }
  }
}

mutation PopSessionData($keys: [SessionDataKey!]!) {
  popSessionData(keys: $keys) {
    popped {
      darkMode
      cart {
        id
        sku
        quantity
      }
      currency
      userId
    }
    session {
      ...SessionAll
    }
  }
}

mutation ClearSession {
  clearSession {
    session {
      ...SessionAll
    }
  }
}

mutation Logout($flush: Boolean! = true) {
  logout(flush: $flush) {
    flushed
    session {
      ...SessionAll
    }
  }
}

mutation RotateSession {
  rotateSession {
    session {
      ...SessionAll
    }
  }
}

mutation SetSessionExpiry($expiry: SessionExpiryInput!) {
  setSessionExpiry(expiry: $expiry) {
    session {
      ...SessionAll
    }
  }
}
`)
  })

  it('are for a session without declared data, too', () => {
    const text = documentsFor()
    expect(fragmentOf(text)).toMatch(/^ {2}keys$/m)
    expect(fragmentOf(text)).toContain('  entries {\n    id\n    key\n    value\n  }\n')
    expect(fragmentOf(text)).not.toMatch(/\bhas\b/)
    expect(text).not.toContain('SessionData')
  })

  it('are answered by the server', async () => {
    const client = clientOf(sessionData(storefront))
    const text = documentsFor(schemaOf(sessionData(storefront)))
    const run = async (operationName: string, variables: object = {}) =>
      (await client.post({ query: text, operationName, variables })).body
    const set = await run('UpdateSessionData', { data: { currency: 'USD' } })
    expect(set).toMatchObject({
      data: { updateSessionData: { session: { id: 'session', currency: 'USD' } } },
    })
    expect(await run('GetSession')).toMatchObject({ data: { session: { currency: 'USD', cart: [] } } })
    const popped = await run('PopSessionData', { keys: ['DARK_MODE'] })
    expect(popped).toMatchObject({ data: { popSessionData: { popped: { darkMode: null } } } })
    for (const name of ['ClearSession', 'Logout', 'RotateSession']) {
      expect(await run(name)).not.toHaveProperty('errors')
    }
    expect(await run('SetSessionExpiry', { expiry: { seconds: 60 } })).not.toHaveProperty('errors')
  })
})

describe('with types of the application', () => {
  const withTypes = (sdl: string): string =>
    fragmentOf(documentsFor(buildSchema(`${sessionTypeDefs}\n${sdl}`)))

  it('they stop where a type contains itself', () => {
    const text = withTypes(`
      extend type Session { user: User }
      type User { name: String! friends: [User!]! team: Team session: Session }
      type Team { name: String! members: [User!]! }
    `)
    expect(text).toContain('  user {\n    name\n    team {\n      name\n    }\n  }\n')
  })

  it('they leave out an object of which nothing can be selected', () => {
    expect(withTypes('extend type Session { a: A } type A { b(c: Int!): Int, a: A }')).not.toMatch(/\ba\b/)
  })

  it('they select each type of a union and of an interface, also where these have fields of the same name', () => {
    const text = withTypes(`
      extend type Session { target: Target named: Named }
      union Target = A | B
      interface Named { name: String! }
      type A implements Named { name: String! size: Int! }
      type B implements Named { name: String! size: String }
    `)
    expect(text).toContain(`\
  target {
    __typename
    ... on A {
      name
      sizeOfA: size
    }
    ... on B {
      name
      sizeOfB: size
    }
  }
`)
  })

  it('they keep to what the gate lets through, however large the types are', () => {
    const names = Array.from({ length: 24 }, (_, index) => `T${index}`)
    const text = withTypes(`
      extend type Session { t: T0 }
      ${names.map((name) => `type ${name} { id: ID! ${names.map((other) => `to${other}: ${other}`).join(' ')} }`).join('\n')}
    `)
    expect(text).toContain('toT1 {')
    const judge = new OperationJudge()
    expect(judge.excessOfText(text) ?? judge.excessOfDocument(parse(text))).toBeNull()
  })
})
