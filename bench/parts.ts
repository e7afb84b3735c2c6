// This tells which parts of a compared system are not installed on this machine.

import { findBinary } from '../test/support/servers.ts'
import { findPython } from './python.ts'
import type { System } from './systems.ts'
import { canRead } from './usage.ts'

const programs: Partial<Record<System['group'], readonly string[]>> = {
  'in Redis': ['redis-server'],
  'in PostgreSQL': ['initdb', 'postgres'],
  'in MariaDB': ['mariadb-install-db', 'mariadbd'],
}

/** The program of a store that is not installed; null where all of them are. */
export const missingProgram = (group: System['group']): string | null =>
  programs[group]?.find((name) => !findBinary(name)) ?? null

/** Why a system cannot be measured here; null where it can be. */
export function missingPart({ group, cache, python }: System): string | null {
  const program = missingProgram(group) ?? (cache ? missingProgram(cache) : null)
  if (program) return `${program} is not installed`
  if (!python) return null
  if (!canRead) return 'the CPU of its processes is read from /proc, which is not there'
  return findPython(python) ? null : `no python3 has the modules ${python.join(', ')}`
}
