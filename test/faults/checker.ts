import { checks, type Finding, type Violation, violations } from './checks.ts'
import { type Operation, operation } from './history.ts'

/** What in a history cannot be, if every session and every key is a register of its own that nothing is lost from. */
export function check(history: readonly Operation[]): Finding[] {
  const sessions = Map.groupBy(history, ({ cookie }) => cookie.session)
  return [...sessions.values()].flatMap((all) => checkLife(all).concat(checkEntries(all)))
}

export function count(findings: readonly Finding[]): Record<Violation, number> {
  const sum = Object.fromEntries(violations.map((violation) => [violation, 0])) as Record<Violation, number>
  for (const { violation } of findings) sum[violation]++
  return sum
}

function checkEntries(all: readonly Operation[]): Finding[] {
  // A session that lives on under another cookie is the same; what found none tells nothing of its entries.
  const alive = all.filter(({ isDead }) => !isDead)
  const reads = alive.filter(({ kind, status }) => kind === 'read' && status === 'acked')
  const keys = new Set([
    ...alive.map(({ key }) => key).filter((key) => key !== ''),
    ...reads.flatMap(({ entries }) => [...entries.keys()]),
  ])
  return [...keys].flatMap((key) => {
    const looks = reads.map((read) => operation({ ...read, key }))
    const changes = alive.filter((each) => each.key === key)
    return checks[key.split(':')[0]!]!([...changes, ...looks])
  })
}

/** A cookie is alive from the first answer on until a logout or a rotation, and never again after. */
function checkLife(all: readonly Operation[]): Finding[] {
  return [...Map.groupBy(all, ({ cookie }) => cookie.index).values()].flatMap((each) => {
    const ends = each.filter(({ kind, status }) => isEnd(kind) && status !== 'refused')
    const dead = each.filter(({ isDead }) => isDead)
    const vanished = dead.filter((look) => !ends.some((end) => end.began < look.ended))
    const deaths = [...ends.filter(({ status, isDead }) => status === 'acked' && !isDead), ...dead]
    const [first] = deaths.toSorted((a, b) => a.ended - b.ended)
    const back = each.filter(
      ({ status, isDead, began }) => status === 'acked' && !isDead && first && began > first.ended,
    )
    return [
      vanished.map((look) => finding('lost update', 'the session vanished', look)),
      back.map((look) => finding('resurrection', 'the session is back', first!, look)),
    ].flat()
  })
}

const isEnd = (kind: Operation['kind']): boolean => kind === 'logout' || kind === 'rotate'

const finding = (violation: Violation, says: string, ...evidence: Operation[]): Finding => ({
  violation,
  says,
  evidence,
})
