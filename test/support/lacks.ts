// This has the tests that run over other servers than Yoga, and what these servers cannot do of them.

/** What a person sees of a session on a server that is no Yoga. Streams over HTTP are Yoga's only. */
export const onOtherServers = [
  'cookies',
  'data/kept-values',
  'data/rights',
  'devices',
  'errors',
  'hand-over',
  'header-transport',
  'join',
  'not-awaited',
  'old-cookie',
  'operations',
  'races',
  'saving',
].map((name) => `test/graphql/${name}.test.ts`)

/** The servers that are no Yoga, by the name of their project, and their packages. */
export const packagesOfServers: Readonly<Record<string, string>> = {
  'graphql-http': 'graphql-http',
  apollo: '@apollo/server',
  mercurius: 'mercurius',
}
export const isOtherServer = (project: string): boolean => project in packagesOfServers

interface Lack {
  /** @default each of them */
  readonly servers?: readonly string[]
  /** Full names of tests. */
  readonly tests: RegExp
  /** How many tests have such a name, so that none is left out unseen. */
  readonly count: number
  readonly what: string
}

const onlyYoga = 'leaves to the server what the gate of Yoga does beside judging origins'

/** What a server cannot do, or does otherwise, and the tests that ask for it. */
const lacks: readonly Lack[] = [
  {
    tests:
      /^a batch of operations in one HTTP request | is 503 for a batch too, | in each result of a batch, | in an answer to a batch, /,
    count: 7,
    what: 'takes one operation in an HTTP request',
  },
  { tests: /^SESSION_HEADERS_SENT \w+ in a deferred part/, count: 4, what: 'has no streams over HTTP' },
  { tests: /^a Yoga of the application /, count: 2, what: 'is no Yoga' },
  {
    tests: /^a store in trouble that a resolver hides is told before ten other errors/,
    count: 1,
    what: onlyYoga,
  },
  { tests: /^errors of the application stay masked/, count: 1, what: onlyYoga },
  { tests: /^a page of another site /, count: 4, what: onlyYoga },
  { tests: / begins a session also where a browser would hold cookies back$/, count: 1, what: onlyYoga },
  {
    servers: ['graphql-http'],
    tests: / may ask by GET, | where a plugin has changed the headers of the request$/,
    count: 2,
    what: 'takes no operation by GET, in this example',
  },
  {
    servers: ['apollo'],
    tests: / may ask by GET, | where a plugin has changed the headers of the request$/,
    count: 2,
    what: 'refuses a GET without a header that no form sends by itself, with 400',
  },
  {
    servers: ['apollo'],
    tests:
      / hears nothing where nothing has changed, | the client get" (?:no cookie, session|valid cookie,) untouched/,
    count: 3,
    what: 'forbids caches to store any answer',
  },
  {
    servers: ['mercurius'],
    tests:
      / is no DateTime$| updateSession takes an object only, |^setSessionExpiry takes exactly one: |^updateSession takes an object only, /,
    count: 11,
    what: 'has data: null in the answer to what it does not run',
  },
]

const lackOf = (server: string, test: string): Lack | undefined =>
  lacks.find(({ servers = [server], tests }) => servers.includes(server) && tests.test(test))

/** Why a server cannot pass a test; undefined where it has to. */
export function whyNot(server: string, test: string): string | undefined {
  const lack = lackOf(server, test)
  return lack && `${server} ${lack.what}`
}

/** Of which lacks of a server there are more or fewer tests among all that run over it than they say. */
export function miscounted(server: string, tests: readonly string[]): string[] {
  const found = Map.groupBy(tests, (test) => lackOf(server, test))
  return lacks.flatMap((lack) => {
    const { servers = [server], tests: pattern, count } = lack
    const actual = found.get(lack)?.length ?? 0
    if (!servers.includes(server) || actual === count) return []
    return [`${server}: ${actual} tests are left out by ${String(pattern)}, and not ${count}`]
  })
}
