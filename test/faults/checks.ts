import type { Operation } from './history.ts'

export const violations = ['lost update', 'double pop', 'resurrection', 'stale read', 'phantom'] as const
export type Violation = (typeof violations)[number]

export interface Finding {
  readonly violation: Violation
  readonly says: string
  /** The operations that cannot all have happened as they were answered. */
  readonly evidence: readonly Operation[]
}

/** Why the operations of one session and one key cannot be: nothing, where they can. */
type Check = (all: readonly Operation[]) => Finding[]

/**
 * What can be said of entries without a search, as each is used in one way only, which its key tells:
 * - `once:…`: set once, with a value of its own, then popped or deleted by anybody
 * - `count:…`: incremented by anybody
 * - `high:…`: raised to at least a number by anybody
 * - `own:…`: written by one client, one number after the other
 */
export const checks: Record<string, Check> = {
  once: checkOnce,
  count: checkCount,
  high: checkHigh,
  own: checkOwn,
}

const isAcked = ({ status }: Operation): boolean => status === 'acked'
const mayHaveHappened = ({ status }: Operation): boolean => status !== 'refused'
const isRead = ({ kind }: Operation): boolean => kind === 'read'
const tooOld = ({ isFinal }: Operation): Violation => (isFinal ? 'lost update' : 'stale read')

function checkOnce(all: readonly Operation[]): Finding[] {
  const sets = all.filter(({ kind }) => kind === 'set')
  const set = sets.find(mayHaveHappened)
  const acked = all.filter(isAcked)
  const pops = acked.filter(({ kind, result }) => kind === 'pop' && result !== null)
  const found: Finding[] = pops.slice(1).map((pop) => ({
    violation: 'double pop',
    says: 'a value was delivered twice',
    evidence: [pops[0]!, pop],
  }))

  const removals = all.filter(
    ({ kind, status, result, deleted }) =>
      (kind === 'pop' && (status === 'unknown' || (status === 'acked' && result !== null))) ||
      (kind === 'delete' && (status === 'unknown' || (status === 'acked' && deleted))),
  )
  for (const look of acked) {
    if (look.kind === 'set') continue
    const seen = sight(look, set)
    if (seen !== undefined && seen !== set?.value) {
      found.push({ violation: 'phantom', says: 'nobody wrote this value', evidence: [look] })
    } else if (seen === undefined) {
      const wasSet = set && isAcked(set) && set.ended < look.began
      const mayBeRemoved = removals.some((removal) => removal !== look && removal.began < look.ended)
      if (wasSet && !mayBeRemoved) {
        found.push({ violation: tooOld(look), says: 'a value is missing', evidence: [set, look] })
      }
    } else {
      const removal = removals.find((removal) => isAcked(removal) && removal.ended < look.began)
      const isToldOf = removal?.kind === 'pop' && look.kind === 'pop'
      if (removal && !isToldOf) {
        found.push({ violation: 'resurrection', says: 'a removed value is back', evidence: [removal, look] })
      }
    }
  }
  return found
}

/** The value that an answer showed, if any. That of a delete shows that there was one. */
function sight({ kind, key, result, deleted, entries }: Operation, set?: Operation): number | undefined {
  if (kind === 'read') return entries.get(key)
  if (kind === 'pop') return result ?? undefined
  return deleted ? set?.value : undefined
}

function checkCount(all: readonly Operation[]): Finding[] {
  const found: Finding[] = []
  const increments = all.filter(({ kind }) => kind === 'increment')
  const byResult = new Map<number, Operation>()
  for (const increment of increments.filter(isAcked)) {
    const twin = byResult.get(increment.result!)
    if (twin) {
      found.push({
        violation: 'lost update',
        says: 'two increments led to one value',
        evidence: [twin, increment],
      })
    }
    byResult.set(increment.result!, increment)
  }
  found.push(...checkGrowth(increments, (increment) => increment.result!, all, 1))
  for (const look of all.filter((each) => isRead(each) && isAcked(each))) {
    const seen = look.entries.get(look.key) ?? 0
    const most = increments.filter((each) => mayHaveHappened(each) && each.began < look.ended)
    if (seen > most.length) {
      found.push({ violation: 'phantom', says: `${seen} of ${most.length} increments`, evidence: [look] })
    }
    const least = increments.filter((each) => isAcked(each) && each.ended < look.began)
    if (seen < least.length) {
      found.push({ violation: tooOld(look), says: `${seen} of ${least.length} increments`, evidence: [look] })
    }
  }
  return found
}

function checkHigh(all: readonly Operation[]): Finding[] {
  const raises = all.filter(({ kind }) => kind === 'raise')
  const found = checkGrowth(raises, ({ value }) => value, all, 0)
  for (const look of all.filter((each) => isRead(each) && isAcked(each))) {
    const seen = look.entries.get(look.key)
    if (seen !== undefined && !raises.some((raise) => raise.value === seen && raise.began < look.ended)) {
      found.push({ violation: 'phantom', says: `nobody raised it to ${seen}`, evidence: [look] })
    }
  }
  return found
}

/** A number that only grows is, from an acknowledgement on, at least what that one made it. */
function checkGrowth(
  changes: readonly Operation[],
  madeIt: (change: Operation) => number,
  all: readonly Operation[],
  step: number,
): Finding[] {
  const found: Finding[] = []
  const acked = changes.filter(isAcked).toSorted((a, b) => a.ended - b.ended)
  const looks = all.filter((each) => isAcked(each) && (isRead(each) || changes.includes(each)))
  let highest: Operation | undefined
  let next = 0
  for (const look of looks.toSorted((a, b) => a.began - b.began)) {
    for (; next < acked.length && acked[next]!.ended < look.began; next++) {
      if (!highest || madeIt(acked[next]!) > madeIt(highest)) highest = acked[next]
    }
    if (!highest) continue
    const seen = isRead(look) ? (look.entries.get(look.key) ?? 0) : look.result!
    if (seen < madeIt(highest) + (isRead(look) ? 0 : step)) {
      found.push({
        violation: tooOld(look),
        says: `${seen} after ${madeIt(highest)}`,
        evidence: [highest, look],
      })
    }
  }
  return found
}

function checkOwn(all: readonly Operation[]): Finding[] {
  const found: Finding[] = []
  const writes = all.filter((each) => each.kind === 'write' && mayHaveHappened(each))
  for (const look of all.filter((each) => isRead(each) && isAcked(each))) {
    const seen = look.entries.get(look.key)
    const shown = writes.find(({ value, began }) => value === seen && began < look.ended)
    if (seen !== undefined && !shown) {
      found.push({ violation: 'phantom', says: `nobody wrote ${seen}`, evidence: [look] })
      continue
    }
    const latest = writes.findLast((write) => isAcked(write) && write.ended < look.began)
    // An earlier write whose outcome is unknown may have been applied after a later one.
    const isOlder = latest && (seen === undefined || seen < latest.value) && shown?.status !== 'unknown'
    if (isOlder) {
      found.push({ violation: tooOld(look), says: `${seen} after ${latest.value}`, evidence: [latest, look] })
    }
  }
  return found
}
