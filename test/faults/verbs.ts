import type { Answer } from './caller.ts'
import type { Kind, Operation } from './history.ts'

/** What a client asks for, by kind; `$key` and `$value` are what it is about. */
export const queries: Record<Kind, string> = {
  set: 'mutation ($key: String!, $value: JSON) { setSessionKey(key: $key, value: $value) { entry { key } } }',
  write:
    'mutation ($key: String!, $value: JSON) { setSessionKey(key: $key, value: $value) { entry { key } } }',
  pop: 'mutation ($key: String!) { popSessionKey(key: $key) { found value } }',
  delete: 'mutation ($key: String!) { deleteSessionKey(key: $key) { deleted } }',
  increment: 'mutation ($key: String!) { increment(key: $key) }',
  raise: 'mutation ($key: String!, $value: Int!) { raise(key: $key, to: $value) }',
  read: '{ session { isNew entries { key value } } }',
  logout: 'mutation { logout(flush: true) { flushed } }',
  rotate: 'mutation { rotateSession { session { isNew } } }',
}

type Heard = Pick<Operation, 'status' | 'isDead' | 'result' | 'deleted' | 'entries'>

const nothing = { isDead: false, result: null, deleted: false, entries: new Map<string, number>() }

/** A read of a session that has ended is an answer, and a change of it is refused. */
const dead = (kind: Kind): Heard => ({
  ...nothing,
  status: kind === 'read' ? 'acked' : 'refused',
  isDead: true,
})

/**
 * What an answer says of the session behind the cookie that was sent.
 * @throws when no server may answer so, whatever fails
 */
export function hear(kind: Kind, sent: string | null, answer: Answer): Heard {
  const { status, isUnsent, token, data, codes } = answer
  if (status === null) return { ...nothing, status: isUnsent ? 'refused' : 'unknown' }
  if (codes.some((code) => code.startsWith('SESSION_STORE_'))) {
    // A rotation that had deleted the session, and could not store it again, deletes the cookie.
    const isDead = kind === 'rotate' && sent !== null && token === ''
    if (status !== 503 || answer.retryAfter === null || (token !== null && !isDead)) {
      throw unheardOf(kind, answer)
    }
    return { ...nothing, status: 'unknown', isDead }
  }
  if (codes.includes('SESSION_GONE') || codes.includes('SESSION_MOVED')) return dead(kind)
  if (codes.includes('SESSION_CONFLICT')) return { ...nothing, status: 'refused' }
  if (status !== 200 || codes.length > 0) throw unheardOf(kind, answer)
  // Another cookie is that of another session, save that a logout or a rotation gives one on success.
  const isOther = sent !== null && token !== null && token !== sent
  const isDead =
    kind === 'logout' ? !data.logout.flushed : kind === 'rotate' ? token === null || token === '' : isOther
  if (kind === 'read' && sent !== null && data.session.isNew !== isDead) throw unheardOf(kind, answer)
  if (isDead) return dead(kind)
  return {
    status: 'acked',
    isDead,
    result: kind === 'pop' ? data.popSessionKey.value : (data.increment ?? data.raise ?? null),
    deleted: kind === 'delete' && data.deleteSessionKey.deleted,
    entries: new Map(
      kind === 'read' ? data.session.entries.map(({ key, value }: any) => [key, value]) : undefined,
    ),
  }
}

const unheardOf = (kind: Kind, { token, ...answer }: Answer): Error =>
  new Error(
    `An answer to ${kind} that no failure explains: ${JSON.stringify(answer)}, ${token === null ? 'no' : token === '' ? 'a deleted' : 'a'} cookie`,
  )
