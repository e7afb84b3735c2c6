import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A guard, what the code would be without it, and the tests that have to notice. */
interface Mutant {
  readonly guard: string
  readonly file: string
  readonly from: string
  readonly to: string
  readonly tests: readonly string[]
}

const mutants: readonly Mutant[] = [
  {
    guard: 'create never overwrites',
    file: 'stores/memory.ts',
    from: "if (sessions.has(id)) throw new Error('The id is in use.')",
    to: '',
    tests: ['stores/memory'],
  },
  {
    guard: 'commit never creates',
    file: 'stores/memory.ts',
    from: 'apply(find(id, now), changes)',
    to: "apply(find(id, now) ?? { entries: new Map(), createdAt: now, expiresAt: Infinity, policy: '' }, changes)",
    tests: ['stores/memory', 'races'],
  },
  {
    guard: 'an expired record is as good as deleted',
    file: 'stores/memory.ts',
    from: 'if (record.expiresAt > now) return record',
    to: 'return record',
    tests: ['stores/memory', 'saving', 'operations'],
  },
  {
    guard: 'the absolute timeout is judged on reading',
    file: 'holding.ts',
    from: 'if (record && this.#isAlive(record, now))',
    to: 'if (record)',
    tests: ['session'],
  },
  {
    guard: 'the absolute timeout is judged on rotating',
    file: 'holding.ts',
    from: 'if (!this.#isAlive(rotated.record, now)) {',
    to: 'if (false) {',
    tests: ['operations'],
  },
  {
    guard: 'a store is keyed by the digest of the token',
    file: 'token.ts',
    from: "hash('sha256', token, 'base64url')",
    to: 'token',
    tests: ['operations'],
  },
  {
    guard: 'a malformed token never reaches the store',
    file: 'holding.ts',
    from: 'presented !== null && store.isToken(presented)',
    to: 'Boolean(presented)',
    tests: ['saving'],
  },
  {
    guard: 'of two session cookies none is used',
    file: 'cookie.ts',
    from: 'values.length === 1 ?',
    to: 'values.length > 0 ?',
    tests: ['saving'],
  },
  {
    guard: 'a client has only the declared rights',
    file: 'session.ts',
    from: 'if (rights.every((right) => this.#rules.mayClient(right, key))) return',
    to: 'return',
    tests: ['errors'],
  },
  {
    guard: 'a client sees only the keys that it may read',
    file: 'resolvers.ts',
    from: ".filter((key) => session.clientMay('read', key))",
    to: '',
    tests: ['operations'],
  },
  {
    guard: 'undeclared means denied',
    file: 'keys.ts',
    from: 'find(key)?.granted.has(right) ?? false',
    to: 'find(key)?.granted.has(right) ?? true',
    tests: ['config', 'errors'],
  },
  {
    guard: 'Vary: Cookie',
    file: 'plugin.ts',
    from: "headers.append('vary', 'Cookie')",
    to: '',
    tests: ['saving', 'plugin'],
  },
  {
    guard: 'Cache-Control: no-store',
    file: 'exchange.ts',
    from: "[['cache-control', 'no-store']]",
    to: '[]',
    tests: ['saving'],
  },
  { guard: 'HttpOnly', file: 'cookie.ts', from: 'httpOnly: true', to: 'httpOnly: false', tests: ['saving'] },
  {
    guard: 'Secure',
    file: 'cookie.ts',
    from: 'httpOnly: true,\n    secure,',
    to: 'httpOnly: true,\n    secure: false,',
    tests: ['saving'],
  },
  {
    guard: 'SameSite',
    file: 'cookie.ts',
    from: "sameSite: sameSite === 'none' && !secure ? ('lax' as const) : sameSite,",
    to: '',
    tests: ['saving'],
  },
  {
    guard: 'values are deeply frozen',
    file: 'value.ts',
    from: 'Object.freeze(value)',
    to: '',
    tests: ['session'],
  },
  {
    guard: 'what a driver says is not passed on',
    file: 'stores/guarded.ts',
    from: "'The session store is not available. Try again later.'",
    to: 'String(cause)',
    tests: ['errors'],
  },
  {
    guard: 'only session errors are shown, all else stays masked',
    file: 'answer.ts',
    from: 'return originalError instanceof SessionError ? toGraphQL(originalError, error, hasHeaders) : error',
    to: 'return createGraphQLError((originalError ?? error).message)',
    tests: ['errors'],
  },
  {
    guard: 'one session per HTTP request, also in a batch',
    file: 'exchange.ts',
    from: 'let exchange = this.#byRequest.get(request)',
    to: 'let exchange: Exchange<Data> | undefined',
    tests: ['races'],
  },
  {
    guard: 'verbs of a batch run one at a time',
    file: 'unit.ts',
    from: 'const done = this.#tail.then(work)',
    to: 'const done = work()',
    tests: ['races'],
  },
  {
    guard: 'a session seen alive and then deleted is gone, not begun anew',
    file: 'holding.ts',
    from: "if (this.#standing === 'stored') {\n      this.#settings.emit",
    to: 'if (false) {\n      this.#settings.emit',
    tests: ['races'],
  },
  {
    guard: 'a write without a read is verified when its request goes on',
    file: 'unit.ts',
    from: 'setImmediate(() => this.#verify())',
    to: 'setImmediate(() => {})',
    tests: ['races'],
  },
  {
    guard: 'the changes of a failed field are dropped',
    file: 'operation.ts',
    from: 'this.#unit.drop(scope)\n      throw error',
    to: 'throw error',
    tests: ['plugin'],
  },
  {
    guard: 'the changes of an erased field are dropped',
    file: 'exchange.ts',
    from: 'operationOf(context)?.dropErased(result)',
    to: '',
    tests: ['saving'],
  },
  {
    guard: 'pop compares before it deletes',
    file: 'unit.ts',
    from: 'expect: new Map(own ? [] : [[key, text]])',
    to: 'expect: new Map()',
    tests: ['races', 'errors'],
  },
  {
    guard: 'the store holds sessions to their limit',
    file: 'unit.ts',
    from: 'return entries && adds({ entries }) ? { keys, bytes: sessionBytes } : undefined',
    to: 'return undefined',
    tests: ['errors'],
  },
  {
    guard: 'nothing needs a cookie once the headers left',
    file: 'exchange.ts',
    from: 'unit.seal()',
    to: '',
    tests: ['errors', 'streams'],
  },
  {
    guard: 'each part of a stream is stored before it is delivered',
    file: 'exchange.ts',
    from: 'const failure = await saved(unit)\n    if (!failure) return step',
    to: 'return step\n    const failure = 1',
    tests: ['streams'],
  },
  {
    guard: 'a failed save is an error',
    file: 'exchange.ts',
    from: 'if (!failure) return isStream',
    to: 'if (true) return isStream',
    tests: ['errors', 'races'],
  },
  {
    guard: 'a save forgets only what it stored',
    file: 'unit.ts',
    from: 'this.#journal.forget(recorded)',
    to: 'this.#journal.reset()',
    tests: ['session'],
  },
  {
    guard: 'ending a session that is not there any more is told',
    file: 'holding.ts',
    from: "if (this.#standing === 'stored' && (await this.#delete(now)) === null) this.#lose()",
    to: 'await this.#delete(now)',
    tests: ['session'],
  },
  {
    guard: 'a stream forgets what could not be stored',
    file: 'exchange.ts',
    from: 'unit.discard()',
    // Once only: without an end the stream would tell the same failure for ever.
    to: 'if (step.done) unit.discard()',
    tests: ['streams'],
  },
  {
    guard: 'what the end of a stream records is saved when the client goes',
    file: 'exchange.ts',
    from: 'await saved(unit)\n      return step',
    to: 'return step',
    tests: ['streams'],
  },
  {
    guard: 'after the answer nothing is recorded any more',
    file: 'unit.ts',
    from: 'this.#closed = true',
    to: '',
    tests: ['plugin'],
  },
  {
    guard: 'a store that failed is not asked again',
    file: 'holding.ts',
    from: 'if (this.#failure !== null) throw this.#failure',
    to: '',
    tests: ['errors'],
  },
  {
    guard: 'a store that failed is no proof that a cookie is worthless',
    file: 'holding.ts',
    from: "return this.#failure && this.#cookie === 'clear' ? null : this.#cookie",
    to: 'return this.#cookie',
    tests: ['errors'],
  },
  {
    guard: 'a batch that the store failed is 503',
    file: 'exchange.ts',
    from: 'const isDown = unit.failure !== null',
    to: 'const isDown = false',
    tests: ['errors'],
  },
  {
    guard: 'without a session only something to keep begins one',
    file: 'unit.ts',
    from: "standing === 'absent' ? adds(sum) : recorded.size > 0",
    to: 'recorded.size > 0',
    tests: ['saving'],
  },
  {
    guard: 'popping what is absent changes nothing',
    file: 'session.ts',
    from: 'return text === null ? undefined : null',
    to: 'return null',
    tests: ['saving', 'session'],
  },
  {
    guard: 'a deadline moves only under the policy that it follows from',
    file: 'changes.ts',
    from: '(changes.under ?? policy) === policy',
    to: 'true',
    tests: ['operations', 'changes'],
  },
  {
    guard: 'a clear that reads nothing resets the deadline with the policy',
    file: 'unit.ts',
    from: 'expiresAt !== record.expiresAt : sum.clear',
    to: 'expiresAt !== record.expiresAt : false',
    tests: ['operations'],
  },
  {
    guard: 'a deadline that follows from an expiry depends on the creation',
    file: 'unit.ts',
    from: 'if (this.#journal.sum.policy !== undefined) await this.#holding.read()',
    to: '',
    tests: ['operations', 'saving'],
  },
  {
    guard: 'an active session lives to its absolute end',
    file: 'expiry.ts',
    from: 'if (target === end && record.expiresAt < end) return true',
    to: '',
    tests: ['operations'],
  },
  {
    guard: 'reading moves the deadline at most once per 1/20 of the timeout',
    file: 'expiry.ts',
    from: 'target - record.expiresAt >= slack',
    to: 'target !== record.expiresAt',
    tests: ['saving'],
  },
  {
    guard: 'Redis: create never overwrites',
    file: 'stores/redis.ts',
    from: "if redis.call('EXISTS', KEYS[1]) == 1 then return 'in use' end",
    to: '',
    tests: ['stores/redis'],
  },
  {
    guard: 'Redis: commit never creates',
    file: 'stores/redis.ts',
    from: "if not head then return 'gone' end",
    to: "if not head then head = '0 9999999999999 0 0 ' end",
    tests: ['stores/redis'],
  },
  {
    guard: 'Redis: an expired session is gone',
    file: 'stores/redis.ts',
    from: "if tonumber(expiresAt) <= tonumber(now) then return 'gone' end",
    to: '',
    tests: ['stores/redis'],
  },
  {
    guard: 'Redis: an expired session is not read',
    file: 'stores/redis.ts',
    from: 'if (!(Number(expiresAt) > now)) return null',
    to: '',
    tests: ['stores/redis'],
  },
  {
    guard: 'Redis: what was expected is compared',
    file: 'stores/redis.ts',
    from: "then return 'conflict' end",
    to: 'then end',
    tests: ['stores/redis'],
  },
  {
    guard: 'Redis: the size is judged before anything is written',
    file: 'stores/redis.ts',
    from: "then return 'full' end",
    to: 'then end',
    tests: ['stores/redis'],
  },
  {
    guard: 'Redis: a deadline moves only under its policy',
    file: 'stores/redis.ts',
    from: "and (under == '' or string.sub(under, 2) == policy)",
    to: '',
    tests: ['stores/redis'],
  },
  {
    guard: 'Redis: clearing resets the policy',
    file: 'stores/redis.ts',
    from: "elseif clear then policy = '' end",
    to: 'end',
    tests: ['stores/redis'],
  },
  {
    guard: 'Redis: entries keep their order',
    file: 'stores/redis.ts',
    from: '.toSorted((a, b) => a.place - b.place)',
    to: '',
    tests: ['stores/redis'],
  },
  {
    guard: 'Redis: delete deletes',
    file: 'stores/redis.ts',
    from: "redis.call('DEL', KEYS[1])",
    to: '',
    tests: ['stores/redis'],
  },
  {
    guard: 'Redis: a session that was cleared is dropped at its deadline, too',
    file: 'stores/redis.ts',
    from: 'if moves or clear then',
    to: 'if moves then',
    tests: ['stores/redis'],
  },
  {
    guard: 'Redis: a script that is not known is sent whole',
    file: 'stores/redis.ts',
    from: "startsWith('NOSCRIPT')",
    to: "startsWith('NEVER')",
    tests: ['stores/redis'],
  },
  {
    guard: 'SQLite: a writer that waits holds nothing else up',
    file: 'stores/sqlite.ts',
    from: 'const nativeTimeout = 5',
    to: 'const nativeTimeout = 1000',
    tests: ['stores/sqlite'],
  },
  {
    guard: 'Redis: a reply that no script returns is trouble',
    file: 'stores/redis.ts',
    from: 'if (head === undefined) throw strange()',
    to: 'if (head === undefined) return null',
    tests: ['stores/redis'],
  },
  {
    guard: 'PostgreSQL: the row is locked before it is judged',
    file: 'stores/postgres.ts',
    from: 'AND expires_at > $2::text::bigint FOR UPDATE',
    to: 'AND expires_at > $2::text::bigint',
    tests: ['stores/postgres'],
  },
  {
    guard: 'PostgreSQL: an expired session is gone',
    file: 'stores/postgres.ts',
    from: 'AND expires_at > $2::text::bigint FOR UPDATE',
    to: 'AND $2::text IS NOT NULL FOR UPDATE',
    tests: ['stores/postgres'],
  },
  {
    guard: 'PostgreSQL: an expired session is not read',
    file: 'stores/postgres.ts',
    from: 'if (expiresAt <= now) return null',
    to: '',
    tests: ['stores/postgres'],
  },
  {
    guard: 'PostgreSQL: what was expected is compared',
    file: 'stores/postgres.ts',
    from: "WHEN EXISTS (SELECT FROM broken) THEN 'conflict'",
    to: "WHEN false THEN 'conflict'",
    tests: ['stores/postgres'],
  },
  {
    guard: 'PostgreSQL: bytes are counted, not characters',
    file: 'stores/postgres.ts',
    from: 'octet_length(text)',
    to: 'length(text)',
    tests: ['stores/postgres'],
  },
  {
    guard: 'PostgreSQL: a deadline moves only under its policy',
    file: 'stores/postgres.ts',
    from: 'coalesce(under, verdict.policy) = verdict.policy',
    to: 'true',
    tests: ['stores/postgres'],
  },
  {
    guard: 'PostgreSQL: clearing resets the policy',
    file: 'stores/postgres.ts',
    from: "CASE WHEN clear THEN '' ELSE hit.policy END",
    to: 'hit.policy',
    tests: ['stores/postgres'],
  },
  {
    guard: 'PostgreSQL: entries keep their order',
    file: 'stores/postgres.ts',
    from: ' ORDER BY old_place, new_place',
    to: '',
    tests: ['stores/postgres'],
  },
  {
    guard: 'PostgreSQL: only what expired is swept',
    file: 'stores/postgres.ts',
    from: 'WHERE expires_at <= $1::text::bigint',
    to: 'WHERE $1::text IS NOT NULL',
    tests: ['stores/postgres'],
  },
  {
    guard: 'SQLite: the lock is taken before reading',
    file: 'stores/sqlite.ts',
    from: 'BEGIN IMMEDIATE',
    to: 'BEGIN',
    tests: ['stores/sqlite'],
  },
  {
    guard: 'SQLite: a change is on the disk when it is acknowledged',
    file: 'stores/sqlite.ts',
    from: 'PRAGMA synchronous = FULL',
    to: 'PRAGMA synchronous = NORMAL',
    tests: ['stores/sqlite'],
  },
  {
    guard: 'SQLite: what follows a sweep is on the disk when it is acknowledged',
    file: 'stores/sqlite.ts',
    from: "after: 'PRAGMA synchronous = FULL'",
    to: "after: ''",
    tests: ['stores/sqlite'],
  },
  {
    guard: 'SQLite: an expired session is not handed back',
    file: 'stores/sqlite.ts',
    from: "(row['expires_at'] as number) > now",
    to: 'true',
    tests: ['stores/sqlite'],
  },
  {
    guard: 'a call to the store has a deadline',
    file: 'stores/guarded.ts',
    from: '}, timeout)',
    to: '}, 1e9)',
    tests: ['guarded'],
  },
  {
    guard: 'calls to the store are bounded',
    file: 'stores/guarded.ts',
    from: 'if (traffic.live + calls.size < inFlight)',
    to: 'if (inFlight > 0)',
    tests: ['guarded'],
  },
  {
    guard: 'lost calls count, too, while the store is silent',
    file: 'stores/guarded.ts',
    from: "if (admitted === 'call') up.calls.add(timer)",
    to: '',
    tests: ['guarded'],
  },
  {
    guard: 'a store that answers again is used again, though it never settles what was lost',
    file: 'stores/guarded.ts',
    from: 'up.calls.delete(each)',
    to: '',
    tests: ['guarded'],
  },
  {
    guard: 'a silent store is probed',
    file: 'stores/guarded.ts',
    from: 'performance.now() - probedAt >= probeInterval',
    to: 'false',
    tests: ['guarded'],
  },
  {
    guard: 'a call that comes back late is not counted twice',
    file: 'stores/guarded.ts',
    from: 'if (isLive) traffic.live--',
    to: 'traffic.live--',
    tests: ['guarded'],
  },
  {
    guard: 'no bit of a sealed cookie is ignored',
    file: 'stores/cookie.ts',
    from: 'if (!isCanonical(token)) return null',
    to: '',
    tests: ['stores/cookie'],
  },
  {
    guard: 'a sealed cookie is bound to its name',
    file: 'stores/cookie.ts',
    from: '        audience,\n',
    to: '',
    tests: ['stores/cookie'],
  },
  {
    guard: 'a sealed cookie from the future is none',
    file: 'stores/cookie.ts',
    from: '|| record.createdAt > now + clockTolerance',
    to: '',
    tests: ['stores/cookie'],
  },
  {
    guard: 'a sealed cookie is one that browsers take',
    file: 'stores/cookie.ts',
    from: 'now })) <= maxCookieBytes',
    to: 'now })) <= 1e9',
    tests: ['stores/cookie'],
  },
  {
    guard: 'a denied session is over',
    file: 'stores/cookie.ts',
    from: '&& !(await denyList?.has(sealed, now))',
    to: '',
    tests: ['stores/cookie'],
  },
  {
    guard: 'a session is denied until its last copy expired',
    file: 'stores/cookie.ts',
    from: 'sealed.record.createdAt + timeouts.absoluteTimeout * 1000',
    to: '0',
    tests: ['stores/cookie'],
  },
  {
    guard: 'a sealed session that cannot be ended says so',
    file: 'stores/cookie.ts',
    from: 'if (!denyList) throw notRevocable()',
    to: 'if (!denyList) return sealed.record',
    tests: ['stores/cookie'],
  },
  {
    guard: 'a sealed session cannot change in a stream',
    file: 'unit.ts',
    from: 'const needsCookie = isInToken ||',
    to: 'const needsCookie =',
    tests: ['stores/cookie'],
  },
  {
    guard: 'nothing but POST and GET is read',
    file: 'gate.ts',
    from: "if (method !== 'POST' && method !== 'GET') return methodNotAllowed",
    to: '',
    tests: ['hostile'],
  },
  {
    guard: 'only JSON is read',
    file: 'gate.ts',
    from: 'if (!isReadable(head)) return unsupportedMediaType',
    to: '',
    tests: ['hostile'],
  },
  {
    guard: 'no content encoding is read',
    file: 'gate.ts',
    from: "if (encoding && encoding.toLowerCase() !== 'identity') return false",
    to: '',
    tests: ['hostile'],
  },
  {
    guard: 'what nobody could be answered is not run',
    file: 'gate.ts',
    from: "if (!isAnswerable(head.header('accept'))) return notAcceptable",
    to: '',
    tests: ['hostile'],
  },
  {
    guard: 'other sites are refused',
    file: 'gate.ts',
    from: 'return isFromHere(head, rules) ? null : crossSite',
    to: 'return null',
    tests: ['hostile'],
  },
  {
    guard: 'Sec-Fetch-Site is believed before Origin',
    file: 'gate.ts',
    from: 'if (site) return false',
    to: '',
    tests: ['gate'],
  },
  {
    guard: 'a GET with a cookie tells where from',
    file: 'gate.ts',
    from: "return head.method === 'POST' || Boolean(head.header('content-type'))",
    to: 'return true',
    tests: ['hostile'],
  },
  {
    guard: 'CORS opens by name only',
    file: 'gate.ts',
    from: "if (!origin || !origins.has(origin)) return [['vary', 'Origin']]",
    to: '',
    tests: ['gate'],
  },
  {
    guard: 'a pattern is no origin',
    file: 'gate.ts',
    from: "|| text.includes('*')",
    to: '',
    tests: ['config'],
  },
  {
    guard: 'forwarded headers count when trusted',
    file: 'gate.ts',
    from: '(trustProxy && head.header(',
    to: '(head.header(',
    tests: ['gate'],
  },
  {
    guard: 'a body is counted while it is read',
    file: 'body.ts',
    from: 'if (collected.size > limit) refuse()',
    to: '',
    tests: ['hostile'],
  },
  {
    guard: 'a body is UTF-8',
    file: 'body.ts',
    from: 'if (!isUtf8(bytes)) return',
    to: 'if (false) return',
    tests: ['hostile'],
  },
  {
    guard: 'tokens are counted before parsing',
    file: 'complexity.ts',
    from: "if (tokens > limits.tokens) return say('tokens', limits)",
    to: '',
    tests: ['hostile'],
  },
  {
    guard: 'nesting is bounded before parsing',
    file: 'complexity.ts',
    from: 'if (nesting > deepest) return tooNested',
    to: '',
    tests: ['complexity'],
  },
  {
    guard: 'an operation has limits',
    file: 'complexity.ts',
    from: 'if (weight[name] > limits[name]) return say(name, limits)',
    to: '',
    tests: ['hostile'],
  },
  {
    guard: 'a fragment counts wherever it is spread',
    file: 'complexity.ts',
    from: 'inner = weighFragment(selection.name.value)',
    to: 'void weighFragment',
    tests: ['complexity'],
  },
  {
    guard: 'no mutation by GET',
    file: 'use-gate.ts',
    from: 'throw refuse(mutationByGet)',
    to: 'void mutationByGet',
    tests: ['hostile'],
  },
  {
    guard: 'a subscription needs a stream',
    file: 'use-gate.ts',
    from: 'throw refuse(notAcceptable)',
    to: 'void notAcceptable',
    tests: ['hostile'],
  },
  {
    guard: 'variables can be too deep',
    file: 'use-gate.ts',
    from: "if ((error as Partial<Error> | undefined)?.name !== 'RangeError') return",
    to: 'return',
    tests: ['hostile'],
  },
  {
    guard: 'introspection can be off',
    file: 'use-gate.ts',
    from: 'if (!introspection) addValidationRule',
    to: 'if (false) addValidationRule',
    tests: ['hostile'],
  },
  {
    guard: 'a mutation has one answer',
    file: 'use-gate.ts',
    from: 'addValidationRule(NoStreamedMutations)',
    to: 'void NoStreamedMutations',
    tests: ['hostile'],
  },
  {
    guard: 'the gate takes away the CORS of Yoga',
    file: 'use-gate.ts',
    from: 'for (const name of opening) headers.delete(name)',
    to: '',
    tests: ['gate'],
  },
  {
    guard: 'an answer has ten errors at most',
    file: 'tidy.ts',
    from: 'errors.slice(0, maxErrors)',
    to: 'errors',
    tests: ['front'],
  },
  {
    guard: 'an error repeats no value',
    file: 'tidy.ts',
    from: 'const says = `Variable "$${variable.name.value}" needs a value of type "${print(type)}".`',
    to: 'const says = message + print(type) + variable.name.value',
    tests: ['hostile'],
  },
  {
    guard: 'an error suggests no field',
    file: 'tidy.ts',
    from: "[/ Did you mean .*$/s, '']",
    to: '',
    tests: ['hostile'],
  },
  {
    guard: "a plugin of Yoga has Yoga's way",
    file: 'server.ts',
    from: 'allowsShortWay(plugins) ?',
    to: 'true ?',
    tests: ['front'],
  },
  {
    guard: 'a plugin of operations sees each of them',
    file: 'front.ts',
    from: 'this.#learns = !plugins.some(seesOperations)',
    to: 'this.#learns = true',
    tests: ['front'],
  },
  {
    guard: 'the short way saves',
    file: 'front.ts',
    from: 'exchange ? await exchange.settle(raw) : raw',
    to: 'raw',
    tests: ['hostile'],
  },
  {
    guard: 'the short way masks',
    file: 'front.ts',
    from: "const shown = maskError(error, 'Unexpected error.')",
    to: 'const shown = error',
    tests: ['front'],
  },
  {
    guard: 'the parameters are well-formed on the short way',
    file: 'front.ts',
    from: 'isWellFormed(params) ?',
    to: 'true ?',
    tests: ['hostile'],
  },
  {
    guard: 'a message has one Request',
    file: 'message.ts',
    from: 'message[made] ??= new',
    to: 'new',
    tests: ['front'],
  },
  {
    guard: 'an answer waits no longer than for its turn',
    file: 'reply.ts',
    from: 'else if (performance.now() - since > patience) depart()',
    to: '',
    tests: ['reply'],
  },
  {
    guard: 'answers of one turn leave together',
    file: 'reply.ts',
    from: 'const patience = 5',
    to: 'const patience = -1',
    tests: ['reply'],
  },
  {
    guard: 'health has exact paths',
    file: 'health.ts',
    from: 'Object.hasOwn(answers, url.pathname) && answers[url.pathname]',
    to: 'Object.entries(answers).find(([path]) => url.pathname.includes(path))?.[1]',
    tests: ['health'],
  },
  {
    guard: 'ready asks the store',
    file: 'health.ts',
    from: "isDraining() ? 'draining' : ask()",
    to: "isDraining() ? 'draining' : 'ready'",
    tests: ['health'],
  },
  {
    guard: 'ready is patient for a moment',
    file: 'health.ts',
    from: '{ ...calls, timeout: patience }',
    to: 'calls',
    tests: ['health'],
  },
  {
    guard: 'ready ends first',
    file: 'health.ts',
    from: "isDraining() ? 'draining' : ask()",
    to: 'ask()',
    tests: ['health'],
  },
  {
    guard: 'event streams are completed at the end',
    file: 'server.ts',
    from: '    streams.end()\n',
    to: '',
    tests: ['drain'],
  },
  {
    guard: 'a slow request is given up',
    file: 'listen.ts',
    from: 'headersTimeout, requestTimeout, keepAliveTimeout',
    to: 'keepAliveTimeout',
    tests: ['listen'],
  },
  {
    guard: 'an answer that nobody takes is given up',
    file: 'listen.ts',
    from: 'response.socket?.setTimeout(responseTimeout)',
    to: 'void responseTimeout',
    tests: ['listen'],
  },
  {
    guard: 'the end has a bound',
    file: 'listen.ts',
    from: 'server.closeAllConnections(),',
    to: '{},',
    tests: ['drain'],
  },
  {
    guard: 'who listens fails no request',
    file: 'events.ts',
    from: '} catch {\n      warn()',
    to: '} catch (error) {\n      throw error',
    tests: ['events'],
  },
  {
    guard: 'a schema judges what clients write',
    file: 'keys.ts',
    from: 'if (!result.issues) return result.value',
    to: 'return (result as { value: unknown }).value ?? value',
    tests: ['schemas'],
  },
  {
    guard: 'SameSite=None needs a gate',
    file: 'plugin.ts',
    from: 'if (!exchanges.isCrossSite ||',
    to: 'if (true ||',
    tests: ['config'],
  },
]

/** Files under src; otherwise all. */
const names = process.argv.slice(2)
const chosen = names.length === 0 ? mutants : mutants.filter(({ file }) => names.includes(file))
if (chosen.length === 0) throw new Error('No guard is in such a file.')

// A mutant may run for ever.
const timeout = 120_000

const root = join(import.meta.dirname, '..')
const copy = mkdtempSync(join(tmpdir(), 'graphql-session-mutants-'))
const survivors: string[] = []
try {
  for (const part of ['src', 'test', 'examples', 'package.json', 'vitest.config.ts', 'tsconfig.json']) {
    cpSync(join(root, part), join(copy, part), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  if (!passes([...new Set(chosen.flatMap(({ tests }) => tests))]))
    throw new Error('The tests fail without a mutant.')
  for (const mutant of chosen) {
    const red = isNoticed(mutant)
    process.stdout.write(`${red ? 'red     ' : 'SURVIVED'}  ${mutant.guard}\n`)
    if (!red) survivors.push(mutant.guard)
  }
} finally {
  rmSync(copy, { recursive: true })
}
process.stdout.write(`${chosen.length - survivors.length} of ${chosen.length} guards have a test\n`)
process.exitCode = survivors.length === 0 ? 0 : 1

function isNoticed({ file, from, to, tests }: Mutant): boolean {
  const path = join(copy, 'src', file)
  const text = readFileSync(path, 'utf8')
  if (!text.includes(from)) throw new Error(`${file} does not hold: ${from}`)
  writeFileSync(path, text.replace(from, to))
  const noticed = !passes(tests)
  writeFileSync(path, text)
  return noticed
}

function passes(tests: readonly string[]): boolean {
  const vitest = join(copy, 'node_modules', 'vitest', 'vitest.mjs')
  const files = tests.map((name) => `test/${name}.test.ts`)
  return (
    spawnSync(process.execPath, [vitest, 'run', '--project', 'memory', '--bail', '1', ...files], {
      cwd: copy,
      timeout,
    }).status === 0
  )
}
