// This lists the systems that bench/http.ts compares, what each of them does, and the targets for ours.

import type { Keeps, Naming, Workload } from './workload.ts'

/** A server that is measured. */
export interface System {
  readonly name: string
  readonly label: string
  readonly group:
    | 'without a session'
    | 'in memory'
    | 'in SQLite'
    | 'in Redis'
    | 'in PostgreSQL'
    | 'in MariaDB'
  /** The file under peers/, and the function in it that makes the server. */
  readonly start: { readonly file: string; readonly name: string }
  /** A second store, which it keeps a copy in. */
  readonly cache?: 'in Redis'
  /** The modules that it needs of a Python. */
  readonly python?: readonly string[]
  readonly keeps: Keeps
  /** How its requests name an entry. @default 'by key' */
  readonly naming?: Naming
  /** Whether it is also measured with one connection. @default false */
  readonly alone?: boolean
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

const djangoFile = 'django/gunicorn.ts'
const django = ['django', 'gunicorn', 'psycopg2']

/** All systems, in the order of the report. */
export const systems: readonly System[] = [
  {
    name: 'ours',
    label: 'createSessionServer',
    group: 'in memory',
    start: { file, name: 'memory' },
    keeps: 'sessions',
    alone: true,
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
    name: 'ours-sqlite',
    label: 'createSessionServer',
    group: 'in SQLite',
    start: { file, name: 'sqlite' },
    keeps: 'sessions',
    alone: true,
    does: [
      'as in memory; every change is on the disk before it is answered (WAL, synchronous=FULL)',
      'the changes that are there at the same time are one transaction of a thread of its own',
    ],
  },
  {
    name: 'ours-postgres',
    label: 'createSessionServer',
    group: 'in PostgreSQL',
    start: { file, name: 'postgres' },
    keeps: 'sessions',
    does: [
      'as in memory; one round trip for R and one for W, each a prepared statement',
      'the package pg, 10 connections',
    ],
  },
  {
    name: 'ours-mysql',
    label: 'createSessionServer',
    group: 'in MariaDB',
    start: { file, name: 'mysql' },
    keeps: 'sessions',
    does: ['as in memory; one round trip for R and two for W', 'the package mysql2, 10 connections'],
  },
  {
    name: 'yoga',
    label: 'Yoga as it comes',
    group: 'without a session',
    start: { file: 'yoga.ts', name: 'bare' },
    keeps: 'nothing',
    alone: true,
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
    alone: true,
    does: [
      'what Yoga as it comes and createSessionServer do, less the rights to keys',
      'answers of one turn of the event loop leave together, as those of createSessionServer, where more than one connection is in use',
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
    alone: true,
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
    name: 'apollo-sqlite',
    label: 'Apollo Server + express-session + better-sqlite3',
    group: 'in SQLite',
    start: { file: 'apollo.js', name: 'sqlite' },
    keeps: 'sessions',
    does: [
      'as in memory, with better-sqlite3-session-store',
      'two statements for R (SELECT, UPDATE of the deadline) and for W (SELECT, INSERT of the whole record), each prepared anew, and the event loop waits for them',
      'both are on the disk before they are answered (WAL, synchronous=FULL), each in a transaction of its own',
    ],
  },
  {
    name: 'apollo-sqlite-normal',
    label: 'Apollo Server + express-session + better-sqlite3, NORMAL',
    group: 'in SQLite',
    start: { file: 'apollo.js', name: 'sqliteNormal' },
    keeps: 'sessions',
    does: [
      'as with synchronous=FULL, but with NORMAL, the default of better-sqlite3 in WAL: nothing waits for the disk but checkpoints, and what was answered last may be lost with the power',
    ],
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
    name: 'apollo-postgres',
    label: 'Apollo Server + express-session + connect-pg-simple',
    group: 'in PostgreSQL',
    start: { file: 'apollo.js', name: 'postgres' },
    keeps: 'sessions',
    does: [
      'as in memory',
      'two round trips for R (SELECT, UPDATE of the deadline) and for W (SELECT, INSERT of the whole record)',
      'the package pg, 10 connections; expired rows are not pruned meanwhile',
    ],
  },
  {
    name: 'django',
    label: 'Django, db',
    group: 'in PostgreSQL',
    start: { file: djangoFile, name: 'db' },
    python: django,
    keeps: 'sessions',
    does: [
      'no GraphQL: a view parses the JSON and answers in the shape of the others; no middleware but that of sessions, DEBUG off',
      'gunicorn with one sync worker: one request at a time, and each on a connection of its own, as such workers keep none open',
      'R loads the whole record, checks the HMAC-SHA-256 of it and unpacks it, and moves no deadline: a session that is only read ends',
      'W also packs it (zlib), signs it and stores all of it in a transaction, before the answer leaves, and sends Set-Cookie',
      'one round trip for R (SELECT) and four for W (SELECT, BEGIN, UPDATE, COMMIT)',
      'psycopg2, a connection for each worker, kept open (CONN_MAX_AGE=None; by default each request opens its own)',
      'the CPU and RSS are those of gunicorn and its workers',
    ],
  },
  {
    name: 'django-2',
    label: 'Django, db, 2 workers',
    group: 'in PostgreSQL',
    start: { file: djangoFile, name: 'db2' },
    python: django,
    keeps: 'sessions',
    does: [
      'as Django with db; two sync workers on the core of the server: one computes while the other one waits',
    ],
  },
  {
    name: 'django-cached',
    label: 'Django, cached_db with a cache in Redis',
    group: 'in PostgreSQL',
    start: { file: djangoFile, name: 'cachedDb' },
    cache: 'in Redis',
    python: [...django, 'django_redis'],
    keeps: 'sessions',
    does: [
      'as Django with db, and a copy of the record in Redis, pickled and not signed, by django-redis; the CPU of Redis counts as that of the store',
      'one round trip for R (GET) and five for W (GET, BEGIN, UPDATE, COMMIT, SET of the whole record)',
    ],
  },
  {
    name: 'apollo-mysql',
    label: 'Apollo Server + express-session + express-mysql-session',
    group: 'in MariaDB',
    start: { file: 'apollo.js', name: 'mysql' },
    keeps: 'sessions',
    does: [
      'as in memory',
      'two round trips for R (SELECT, UPDATE of the deadline) and for W (SELECT, INSERT of the whole record)',
      'the package mysql2, 10 connections; expired rows are not cleared meanwhile',
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
  'pg',
  'connect-pg-simple',
  'mysql2',
  'express-mysql-session',
  'better-sqlite3',
  'better-sqlite3-session-store',
]

/** How one of our systems has to compare with another one, or what it has to keep. */
export interface Target {
  readonly what: string
  /** The name of our system. */
  readonly ours: string
  /** The name of the other system; ours, where nothing is compared. */
  readonly against: string
  /**
   * What is judged: `times` is their CPU divided by ours, `more` is our CPU divided by theirs, less 1, `share` is
   * our requests a second divided by theirs, and `p99` is our 99th percentile of the latency, in milliseconds.
   */
  readonly as: 'times' | 'more' | 'share' | 'p99'
  /** Whether the CPU of the store's processes is part of it. @default false */
  readonly countsStore?: boolean
  /** Whether it is measured with one connection. @default false */
  readonly alone?: boolean
  readonly reach: Bound
  readonly aim: Bound
}

/** A bound for both workloads, or one for each. */
export type Bound = number | Readonly<Record<Workload, number>>

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
    what: 'PostgreSQL: our server and the database against Apollo Server + connect-pg-simple',
    ours: 'ours-postgres',
    against: 'apollo-postgres',
    as: 'times',
    countsStore: true,
    reach: 2,
    aim: 3,
  },
  {
    what: 'MariaDB: our server and the database against Apollo Server + express-mysql-session',
    ours: 'ours-mysql',
    against: 'apollo-mysql',
    as: 'times',
    countsStore: true,
    reach: 2,
    aim: 3,
  },
  {
    what: 'SQLite: our server beside itself in memory, requests a second',
    ours: 'ours-sqlite',
    against: 'ours',
    as: 'share',
    reach: { R: 0.8, W: 0.7 },
    aim: { R: 0.9, W: 0.8 },
  },
  {
    what: 'SQLite: 99 of 100 answers of our server within, in ms',
    ours: 'ours-sqlite',
    against: 'ours-sqlite',
    as: 'p99',
    reach: 100,
    aim: 50,
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
    what: '`useSession` in a Yoga against the same Yoga without it, with one connection',
    ours: 'yoga-plugin',
    against: 'yoga',
    as: 'more',
    alone: true,
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
