// This lists the systems that bench/http.ts compares, what each of them does, and the targets for ours.

import type { Keeps, Naming } from './workload.ts'

/** A server that is measured. */
export interface System {
  readonly name: string
  readonly label: string
  readonly group: 'without a session' | 'in memory' | 'in Redis'
  /** The file under peers/, and the function in it that makes the server. */
  readonly start: { readonly file: string; readonly name: string }
  readonly keeps: Keeps
  /** How its requests name an entry. @default 'by key' */
  readonly naming?: Naming
  /** What it does more or less of than the others, read from its source. */
  readonly does: readonly string[]
}

const file = 'graphql-session.ts'
const peer = 'graphql 16; no CORS'
const mercurius = [
  'a HMAC-SHA-256 of the cookie',
  'the whole record loaded for every request, and all of it hashed with SHA-256 on loading and again on saving',
]
const apollo = [
  'a HMAC-SHA-256 of the cookie',
  'the whole record loaded for every request, and all of it hashed with SHA-1 several times',
  'R tells the store that it was used and sends no cookie',
  'W stores the whole record and sends Set-Cookie; all but the last byte of an answer leaves before',
  "Apollo's check against CSRF, a SHA-256 of the query, an ETag of the answer",
]

/** All systems, in the order of the report. */
export const systems: readonly System[] = [
  {
    name: 'ours',
    label: 'createSessionServer',
    group: 'in memory',
    start: { file, name: 'memory' },
    keeps: 'sessions',
    does: [
      'a SHA-256 of the cookie, which the store is keyed by, and no signature',
      "the client's right to the key, the size of the value and of the session are checked",
      'R loads the record, and moves the deadline once in 1/20 of the idle timeout',
      'W stores the change without loading anything, before the answer leaves',
      'Vary and Cache-Control; Set-Cookie only when the cookie changes',
      'no CORS, no GraphiQL',
    ],
  },
  {
    name: 'ours-typed',
    label: 'createSessionServer, declared data',
    group: 'in memory',
    start: { file, name: 'typed' },
    keeps: 'sessions',
    naming: 'typed',
    does: ['as createSessionServer; R reads a field of Session, W sends updateSessionData'],
  },
  {
    name: 'ours-redis',
    label: 'createSessionServer',
    group: 'in Redis',
    start: { file, name: 'redis' },
    keeps: 'sessions',
    does: [
      'as in memory; a timeout on every call',
      'one round trip for R (a script that reads the hash) and one for W (a script that changes it where it is)',
      'ioredis, with enableAutoPipelining: the commands of one turn of the event loop are sent together',
    ],
  },
  {
    name: 'yoga',
    label: 'Yoga as it comes',
    group: 'without a session',
    start: { file: 'yoga.ts', name: 'bare' },
    keeps: 'nothing',
    does: [
      'the same answers out of nothing',
      'all defaults: a limit of 25 MB on the body, CORS, GraphiQL, landing page, health check',
    ],
  },
  {
    name: 'yoga-plugin',
    label: 'Yoga + useSession',
    group: 'in memory',
    start: { file, name: 'plugin' },
    keeps: 'sessions',
    does: [
      'what Yoga as it comes and createSessionServer do, less the rights to keys',
      'answers of one turn of the event loop leave together, as those of createSessionServer: with one connection at a time nothing is won by it',
    ],
  },
  {
    name: 'yoga-naive',
    label: 'Yoga + a naive plugin',
    group: 'in memory',
    start: { file: 'yoga.ts', name: 'naive' },
    keeps: 'sessions',
    does: [
      'the whole record loaded for every request, and stored with every answer',
      'as Yoga as it comes; no signature and no hash: whoever reads the store has the cookies',
      'no expiry; of parallel requests the last one wins',
    ],
  },
  {
    name: 'mercurius',
    label: 'mercurius + @fastify/session',
    group: 'in memory',
    start: { file: 'mercurius.js', name: 'memory' },
    keeps: 'sessions',
    does: [
      ...mercurius,
      'rolling, as it comes: every answer stores the whole record and sends Set-Cookie, also to R',
      'its memory keeps objects as they are, without JSON, and for ever',
      peer,
      'no jit',
    ],
  },
  {
    name: 'mercurius-lean',
    label: 'mercurius (jit) + @fastify/session (not rolling)',
    group: 'in memory',
    start: { file: 'mercurius.js', name: 'lean' },
    keeps: 'sessions',
    does: [
      'as mercurius + @fastify/session, with compiled queries',
      'R stores nothing and sends no cookie: a session that is only read ends',
    ],
  },
  {
    name: 'mercurius-redis',
    label: 'mercurius + @fastify/session + connect-redis',
    group: 'in Redis',
    start: { file: 'mercurius.js', name: 'redis' },
    keeps: 'sessions',
    does: [
      'as in memory, and signs the cookie again',
      'two round trips for R and for W (GET, and SET of the whole record as JSON)',
      'the client redis',
    ],
  },
  {
    name: 'apollo',
    label: 'Apollo Server + express-session',
    group: 'in memory',
    start: { file: 'apollo.js', name: 'memory' },
    keeps: 'sessions',
    does: [...apollo, 'its memory keeps JSON, and what has expired until somebody asks for it', peer],
  },
  {
    name: 'apollo-redis',
    label: 'Apollo Server + express-session + connect-redis',
    group: 'in Redis',
    start: { file: 'apollo.js', name: 'redis' },
    keeps: 'sessions',
    does: [
      'as in memory',
      'two round trips for R (GET, EXPIRE) and for W (GET, and SET of the whole record as JSON)',
      'the client redis',
    ],
  },
  {
    name: 'raw',
    label: 'node:http, a constant answer',
    group: 'without a session',
    start: { file: 'raw.ts', name: 'raw' },
    keeps: 'one answer',
    does: ['reads the body and parses nothing: no server on Node is faster'],
  },
]

/** The packages whose versions the report names. */
export const packages: readonly string[] = [
  'graphql-yoga',
  'ioredis',
  'mercurius',
  'fastify',
  '@fastify/session',
  '@apollo/server',
  'express',
  'express-session',
  'connect-redis',
  'redis',
]

/** How one of our systems has to compare with another one. */
export interface Target {
  readonly what: string
  /** The name of our system. */
  readonly ours: string
  /** The name of the other system. */
  readonly against: string
  /** What is compared: `times` is their CPU divided by ours, `more` is our CPU divided by theirs, less 1. */
  readonly as: 'times' | 'more'
  readonly reach: number
  readonly aim: number
}

export const targets: readonly Target[] = [
  {
    what: 'our server against Yoga as it comes, without a session',
    ours: 'ours',
    against: 'yoga',
    as: 'times',
    reach: 2,
    aim: 3,
  },
  {
    what: 'our server against mercurius + @fastify/session',
    ours: 'ours',
    against: 'mercurius',
    as: 'times',
    reach: 1.4,
    aim: 2,
  },
  {
    what: 'our server against Apollo Server + express-session',
    ours: 'ours',
    against: 'apollo',
    as: 'times',
    reach: 4,
    aim: 6,
  },
  {
    what: 'Redis: our server against mercurius + connect-redis',
    ours: 'ours-redis',
    against: 'mercurius-redis',
    as: 'times',
    reach: 1.3,
    aim: 1.7,
  },
  {
    what: '`useSession` in a Yoga against the same Yoga without it',
    ours: 'yoga-plugin',
    against: 'yoga',
    as: 'more',
    reach: 0.15,
    aim: 0.08,
  },
  {
    what: 'verbs with types against those by key',
    ours: 'ours-typed',
    against: 'ours',
    as: 'more',
    reach: 0.1,
    aim: 0.05,
  },
]
