// This keeps sessions in Redis or Valkey.

import { hash } from 'node:crypto'
import type { ChangeSet, Outcome } from '../session/changes.ts'
import { SessionError } from '../session/errors.ts'
import { checkOptions } from '../session/options.ts'
import { type Departure, markRecord, seen, type SessionRecord } from '../session/record.ts'
import type { KeyedStore } from '../session/store.ts'
import { skewOf } from './clock-skew.ts'
import { changeMessage, changesData, ChannelNotices } from './notice-channel.ts'
import { isSubscriber, redisChannel, type RedisSubscriber } from './redis-notices.ts'

/**
 * What the store uses of a client, or a cluster client, of the package `redis`. Set
 * `disableOfflineQueue: true`; otherwise commands that were given up are sent when it is connected again. For
 * a cluster set also `topologyRefreshOnReconnectionAttemptStrategy: 500` (ms); otherwise it takes five
 * seconds to find a new master.
 */
export interface NodeRedisClient {
  /** Runs a script that the server knows by the SHA-1 of its text. */
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  /** Runs a script from its text, which the server then knows. */
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  /** Called once, since an `error` event would end the process without a listener. */
  on(event: 'error', listener: () => void): unknown
}

/**
 * What the store uses of a client, or a cluster client, of the package `ioredis`. When a connection breaks,
 * the client sends again what was in flight, though it may have been applied, so that an `update` can count
 * twice: set `maxRetriesPerRequest: 0`, and for a cluster `retryDelayOnFailover: 0`. Set
 * `enableOfflineQueue: false` as well; otherwise commands that were given up are sent when it is connected
 * again.
 */
export interface IORedisClient {
  /** Runs a script that the server knows by the SHA-1 of its text. */
  evalsha(sha: string, keys: number, ...keysAndArguments: string[]): Promise<unknown>
  /** Runs a script from its text, which the server then knows. */
  eval(script: string, keys: number, ...keysAndArguments: string[]): Promise<unknown>
  /** Called once, since an `error` event would end the process without a listener. */
  on(event: 'error', listener: () => void): unknown
  /** Called, unless it is a cluster client, when its server has become a replica, to connect again. */
  disconnect?(reconnect: boolean): void
  /** Whether it is a cluster client. */
  readonly isCluster?: boolean
}

/** The options of `redisStore`. */
export interface RedisStoreOptions {
  /** The beginning of each key in Redis; the id of the session follows. @default 'session:' */
  readonly prefix?: string
  /**
   * Another client, of either package, by which this process hears at once of sessions that ended, so that their
   * open streams end. It can do nothing else meanwhile. Connected and closed by whoever made it.
   * @default none: sessions with an open stream are read every second
   */
  readonly subscriber?: RedisSubscriber
  /**
   * Whether commits tell of what they change, too, for streams of changes. It has to be the same in all processes. A
   * cluster sends each such message to all of its nodes.
   * @default false: sessions with a stream of changes are read every second
   */
  readonly live?: boolean
}

/**
 * Makes a store in Redis 7 or later, or Valkey: plain, replicated or cluster. A session is one hash, and a
 * verb is one script on one key and one round trip. Reads go to the master, even if the client prefers
 * replicas for reads.
 * @param client - connected and closed by whoever made it
 * @throws {SessionError} CONFIG_INVALID, naming the option
 */
export function redisStore(
  client: NodeRedisClient | IORedisClient,
  options: RedisStoreOptions = {},
): KeyedStore {
  checkOptions('redisStore', options, ['prefix', 'subscriber', 'live'])
  const { prefix = 'session:', subscriber, live = false } = options
  if (typeof prefix !== 'string') {
    throw new SessionError('CONFIG_INVALID', 'redisStore: prefix must be text.')
  }
  if (typeof live !== 'boolean') {
    throw new SessionError('CONFIG_INVALID', 'redisStore: live must be true or false.')
  }
  if (subscriber !== undefined && (!isSubscriber(subscriber) || (subscriber as unknown) === client)) {
    throw new SessionError(
      'CONFIG_INVALID',
      'redisStore: subscriber must be another client than that of the store, of ioredis or redis.',
    )
  }
  const run = runner(client)
  const channel = `${prefix}notices`
  const publish = (text: string) => run(scripts.tell, prefix + text, [channel, text])
  const notices = subscriber && new ChannelNotices(live, redisChannel(subscriber, channel, publish))
  // A failed call rejects anyway. Without a listener the client's `error` event would end the process.
  client.on('error', () => {})

  return {
    async create(id, record) {
      const reply = await run(scripts.create, prefix + id, [String(record.expiresAt), ...toFields(record)])
      if (reply === 'skewed') throw skewed()
      if (reply !== 'created') throw new Error(`The session was not created: ${String(reply)}.`)
    },
    async read(id, now) {
      return toRecord(await run(scripts.read, prefix + id, []), now)
    },
    async commit(id, changes, now) {
      const tells = changes.expiresAt !== undefined || (live && changesData(changes))
      const notice = tells
        ? [channel, id, live && changesData(changes) ? changeMessage(id) : '']
        : ['', '', '']
      return toOutcome(await run(scripts.commit, prefix + id, toArguments(changes, now, notice)))
    },
    async delete(id, now, mark) {
      const left = mark ? [String(mark.until), ...toFields(markRecord(mark))] : []
      const reply = await run(scripts.delete, prefix + id, [channel, id, String(now), ...left])
      return toRecord(reply, now)
    },
    async check() {
      let info: unknown
      const skew = await skewOf('Redis', async () => {
        info = await run(scripts.info, `${prefix}check`, [])
        return Number(/^now:(\d+)/.exec(String(info))?.[1])
      })
      return [...judge(info), ...skew, ...(notices ? await undelivered(notices, channel) : [])]
    },
    ...(notices && { notices }),
  }
}

/** Tells where this process does not receive what it publishes. */
async function undelivered(notices: ChannelNotices, channel: string): Promise<string[]> {
  if (await notices.receivesItsOwn()) return []
  return [
    `Redis does not tell of sessions that ended, so that those with an open stream are read every second: what is published to ${channel} does not arrive. Connect the subscriber to the same Redis, and allow SUBSCRIBE, PUBLISH and the channel.`,
  ]
}

/**
 * The scripts, one for each verb. The hash of a session has a field for each entry, `place text`, and a field
 * without a name, which no key can have: `createdAt expiresAt places bytes policy`. That field keeps an
 * emptied session alive, since Redis deletes an empty hash, and spares `limit` from reading every entry.
 * `places` counts up, for the order in which keys were first set. The mark that a session leaves is such a hash
 * without entries, with a policy that begins with `>`.
 *
 * A script answers with the whole hash as one text, after a line that says so, with each name and each field on a line of
 * its own: no key, policy or JSON has a line feed, and drivers take their time for each text of a list.
 *
 * Instants stay text, as Lua would print a large number as 4.1e+12. A script writes nothing before the
 * verdict: when Redis is out of memory it refuses the first write of a script, and so the whole change, but
 * lets later writes pass.
 *
 * What ended is published in the script that ends it, so that it is told wherever it is done. A channel is no key, and
 * a user who may not publish can delete all the same.
 */
const scripts = {
  create: script(`
    if not string.match(ARGV[1], '^%d+$') then return 'no instant' end
    local isThere = redis.call('EXISTS', KEYS[1]) == 1
    local ends = isThere and string.match(redis.call('HGET', KEYS[1], '') or '', '^%S+ (%S+)')
    local createdAt = tonumber(string.match(ARGV[3] or '', '^%S+'))
    if isThere and not (ends and createdAt and tonumber(ends) <= createdAt) then return 'in use' end
    local time = redis.call('TIME')
    if tonumber(ARGV[1]) <= time[1] * 1000 + time[2] / 1000 then return 'skewed' end
    if isThere then redis.call('DEL', KEYS[1]) end
    for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
    redis.call('PEXPIREAT', KEYS[1], ARGV[1])
    return 'created'`),

  read: script(`return 'hash\\n' .. table.concat(redis.call('HGETALL', KEYS[1]), '\\n')`),

  delete: script(`
    local last = 'hash\\n' .. table.concat(redis.call('HGETALL', KEYS[1]), '\\n')
    local expiresAt, policy = string.match(redis.call('HGET', KEYS[1], '') or '', '^%S+ (%S+) %S+ %S+ (.*)$')
    local isAlive = expiresAt and tonumber(expiresAt) > tonumber(ARGV[3])
    if isAlive and string.sub(policy, 1, 1) == '>' then return last end
    redis.call('DEL', KEYS[1])
    if isAlive and ARGV[4] then
      redis.call('HSET', KEYS[1], ARGV[5], ARGV[6])
      redis.call('PEXPIREAT', KEYS[1], ARGV[4])
    end
    if isAlive then redis.pcall('PUBLISH', ARGV[1], ARGV[2]) end
    return last`),

  tell: script(`
    local reply = redis.pcall('PUBLISH', ARGV[1], ARGV[2])
    return type(reply) == 'table' and 'denied' or 'told'`),

  commit: script(`
    local id = KEYS[1]
    local now, clear, newExpiresAt, maxKeys, maxBytes, activeUntil, lifetime, step, expected, newPolicy, under =
      string.match(ARGV[1], '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)\\n(.*)\\n(.*)$')
    clear = clear == '1'
    maxKeys, maxBytes = tonumber(maxKeys), tonumber(maxBytes)
    activeUntil, lifetime, step = tonumber(activeUntil), tonumber(lifetime), tonumber(step)
    local expectEnd = 4 + 2 * expected

    local head = redis.call('HGET', id, '')
    if not head then return 'gone' end
    local createdAt, expiresAt, places, bytes, policy = string.match(head, '^(%S+) (%S+) (%S+) (%S+) (.*)$')
    if tonumber(expiresAt) <= tonumber(now) then return 'gone' end
    if string.sub(policy, 1, 1) == '>' then return string.sub(policy, 2) end

    local function held(key)
      local field = redis.call('HGET', id, key)
      if field then return string.match(field, '^(%d+) (.*)$') end
    end

    for i = 5, expectEnd, 2 do
      local _, text = held(ARGV[i])
      if (text or '') ~= ARGV[i + 1] then return 'conflict' end
    end

    local keys = redis.call('HLEN', id) - 1
    places, bytes = tonumber(places), tonumber(bytes)
    if clear then keys, places, bytes = 0, 0, 0 end
    local writes = {}
    for i = expectEnd + 1, #ARGV, 2 do
      local key, text, place, old = ARGV[i], ARGV[i + 1], nil, nil
      if not clear then place, old = held(key) end
      if old then keys, bytes = keys - 1, bytes - #key - #old end
      if string.sub(text, 1, 1) == '>' then place, text = nil, string.sub(text, 2) end
      if text ~= '' then
        keys, bytes = keys + 1, bytes + #key + #text
        if not place then places = places + 1; place = string.format('%d', places) end
        writes[#writes + 1] = { key, place .. ' ' .. text }
      elseif old then
        writes[#writes + 1] = { key }
      end
    end
    if maxKeys and (keys > maxKeys or bytes > maxBytes) then return 'full' end

    if newPolicy ~= '' then policy = string.sub(newPolicy, 2) elseif clear then policy = '' end
    local moves = newExpiresAt ~= '-' and (under == '' or string.sub(under, 2) == policy)
    if moves then
      expiresAt = newExpiresAt
    elseif activeUntil and policy == '' then
      local last = createdAt + lifetime
      local target = math.min(activeUntil, last)
      local isLast = target == last and target > tonumber(expiresAt)
      if isLast or target - expiresAt >= step then moves, expiresAt = true, string.format('%.0f', target) end
    end
    if moves and tonumber(expiresAt) > tonumber(now) then
      local time = redis.call('TIME')
      if tonumber(expiresAt) <= time[1] * 1000 + time[2] / 1000 then return 'skewed' end
    end
    if clear then redis.call('DEL', id) end
    redis.call('HSET', id, '', string.format('%s %s %d %d %s', createdAt, expiresAt, places, bytes, policy))
    for _, write in ipairs(writes) do
      if write[2] then redis.call('HSET', id, write[1], write[2]) else redis.call('HDEL', id, write[1]) end
    end
    if moves or clear then redis.call('PEXPIREAT', id, expiresAt) end
    local message = ARGV[4]
    if moves and tonumber(expiresAt) <= tonumber(now) then message = ARGV[3] end
    if message ~= '' then redis.pcall('PUBLISH', ARGV[2], message) end
    return 'committed'`),

  // A user may lack the right to INFO. Sessions do not need it, so that it is not an error.
  info: script(`
    local time, info = redis.call('TIME'), ''
    for _, section in ipairs({ 'memory', 'persistence', 'replication' }) do
      local part = redis.pcall('INFO', section)
      if type(part) == 'table' then info = 'denied:1'; break end
      info = info .. part
    end
    return string.format('now:%s%03d\\r\\n', time[1], time[2] / 1000) .. info`),
}

interface Script {
  readonly text: string
  readonly sha: string
}

function script(text: string): Script {
  return { text, sha: hash('sha1', text) }
}

/**
 * Writes a change set as arguments of the script. What need not be an argument of its own is one text, as a driver takes
 * its time for each argument: numbers, "-" where there is none, then the policies on lines of their own. A policy begins
 * with "=", so that the empty policy differs from none. An absent or deleted entry is the empty text, and the text of
 * one that comes last begins with ">": neither is JSON.
 */
function toArguments(changes: ChangeSet, now: number, notice: readonly string[]): string[] {
  const { expect, clear, entries, last, policy, expiresAt = '-', under, activity, limit } = changes
  const { keys = '-', bytes = '-' } = limit ?? {}
  const { until = '-', lifetime = '-', step = '-' } = activity ?? {}
  const numbers = `${now} ${clear ? 1 : 0} ${expiresAt} ${keys} ${bytes} ${until} ${lifetime} ${step} ${expect.size}`
  const policies = `${policy === undefined ? '' : `=${policy}`}\n${under === undefined ? '' : `=${under}`}`
  const texts = [`${numbers}\n${policies}`, ...notice]
  for (const [key, text] of expect) texts.push(key, text ?? '')
  for (const [key, text] of entries) texts.push(key, (last?.has(key) ? '>' : '') + (text ?? ''))
  return texts
}

/** Writes a record as the fields of its hash, each with its name before it. */
function toFields({ createdAt, expiresAt, policy, entries }: SessionRecord): string[] {
  let bytes = 0
  const fields = [...entries].flatMap(([key, text], index) => {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(text)
    return [key, `${index + 1} ${text}`]
  })
  return ['', `${createdAt} ${expiresAt} ${entries.size} ${bytes} ${policy}`, ...fields]
}

const outcomes: readonly unknown[] = [
  'committed',
  'conflict',
  'gone',
  'full',
  'moved',
  'ended',
] satisfies Outcome[]

function toOutcome(reply: unknown): Outcome {
  if (outcomes.includes(reply)) return reply as Outcome
  if (reply === 'skewed') throw skewed()
  throw strange()
}

function toRecord(reply: unknown, now: number): SessionRecord | Departure | null {
  if (typeof reply !== 'string' || !reply.startsWith('hash\n')) throw strange()
  if (reply === 'hash\n') return null
  const flat = reply.split('\n')
  const placed: { place: number; key: string; text: string }[] = []
  let head: string | undefined
  for (let at = 1; at < flat.length; at += 2) {
    const [key, field] = [flat[at]!, flat[at + 1]!]
    const space = field.indexOf(' ')
    if (key === '') head = field
    else placed.push({ place: Number(field.slice(0, space)), key, text: field.slice(space + 1) })
  }
  if (head === undefined) throw strange()
  const [createdAt, expiresAt, , , ...policy] = head.split(' ')
  if (!(Number(expiresAt) > now)) return null
  return seen({
    entries: new Map(placed.toSorted((a, b) => a.place - b.place).map(({ key, text }) => [key, text])),
    createdAt: Number(createdAt),
    expiresAt: Number(expiresAt),
    policy: policy.join(' '),
  })
}

/** Redis drops a session by its own clock, and would drop this one as soon as it is stored. */
const skewed = (): Error =>
  Object.assign(new Error('The clock of Redis is past the deadline of the session.'), { code: 'CLOCK_SKEW' })

// A driver can take stray bytes for a reply: "+" and the rest of a line. It must not mean `no session`.
const strange = (): Error => new Error('Redis replied with something that no script of ours returns.')

function runner(client: NodeRedisClient | IORedisClient) {
  const bySha = ({ sha }: Script, key: string, args: string[]): Promise<unknown> =>
    'evalSha' in client
      ? client.evalSha(sha, { keys: [key], arguments: args })
      : client.evalsha(sha, 1, key, ...args)
  const byText = ({ text }: Script, key: string, args: string[]): Promise<unknown> =>
    'evalSha' in client
      ? client.eval(text, { keys: [key], arguments: args })
      : client.eval(text, 1, key, ...args)
  let leftAt = Number.NEGATIVE_INFINITY
  const run = async (each: Script, key: string, args: string[]): Promise<unknown> => {
    try {
      return await bySha(each, key, args)
    } catch (error) {
      // The server does not know the script, as after a restart or on another node of a cluster. So nothing
      // ran, and the call can be sent again.
      if (codeOf(error) !== 'NOSCRIPT') throw error
      return byText(each, key, args)
    }
  }
  return async (each: Script, key: string, args: string[]): Promise<unknown> => {
    try {
      return await run(each, key, args)
    } catch (error) {
      const code = codeOf(error)
      if (code === null) throw error
      if (ofReplicas.has(code) && performance.now() - leftAt >= leaveInterval) {
        leftAt = performance.now()
        leave(client)
      }
      // Of a driver's error only the code is logged, and drivers leave the code of Redis in the message.
      throw Object.assign(error as Error, { code })
    }
  }
}

/** The code with which an error of Redis begins, e.g. "OOM command not allowed". Null for other errors. */
const codeOf = (error: unknown): string | null =>
  error instanceof Error ? (/^[A-Z]{3,}(?= )/.exec(error.message)?.[0] ?? null) : null

/** What a server answers that has become a replica: it takes no writes, or has lost its master. */
const ofReplicas: ReadonlySet<string> = new Set(['READONLY', 'MASTERDOWN'])

/** Milliseconds between two attempts to find the master, at least. */
const leaveInterval = 500

/**
 * Lets the client connect again, by its own strategy. After a failover the address of the server leads to the
 * new master, but a connection that is open stays with the old one, which has become a replica and refuses
 * every write. A cluster client finds the master by itself.
 */
function leave(client: NodeRedisClient | IORedisClient): void {
  if (!('evalSha' in client)) {
    if (!client.isCluster) client.disconnect?.(true)
  } else if (!('masters' in client)) {
    // This client has no call for it. It connects again when the server ends the connection, as QUIT asks.
    const { sendCommand } = client as { sendCommand?(args: string[]): Promise<unknown> }
    sendCommand?.call(client, ['QUIT']).catch(() => {})
  }
}

/**
 * Tells which promises the configuration of the node that answered does not keep. `appendfsync` is not
 * judged, since not every user may ask for it.
 */
function judge(info: unknown): string[] {
  const { denied, maxmemory, maxmemory_policy, aof_enabled, role } = Object.fromEntries(
    String(info)
      .split('\r\n')
      .map((line) => line.split(':') as [string, string]),
  ) as Record<string, string | undefined>
  if (denied) {
    return ['Redis does not let this user ask for its configuration, so that it is not checked. Allow INFO.']
  }
  const warnings = []
  if (role === 'slave') {
    warnings.push('Redis stores no session: it is a replica, and takes no writes. Name the master.')
  }
  if (maxmemory !== '0' && maxmemory_policy !== 'noeviction') {
    warnings.push(
      `Redis may evict sessions that are in use: maxmemory-policy is ${maxmemory_policy}. Set it to noeviction.`,
    )
  }
  if (aof_enabled !== '1') {
    warnings.push(
      'Redis loses the latest sessions when it is killed, and deleted ones come back: its append-only file is off. Set appendonly yes.',
    )
  }
  return warnings
}
