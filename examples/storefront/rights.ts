// This reads from the declaration who may do what with each entry, for the inspector of the page.
// `sessionData(declaration).fields` has the same, and the package that has it need not be built for this example.

import { Kind, parse, print } from 'graphql'

/** What every client may do with an entry. */
export interface EntryRights {
  readonly key: string
  /** READ, WRITE and DELETE, as far as they are granted. */
  readonly may: readonly string[]
}

/** The rights on each entry, in the order of the declaration, also on those that no client sees. */
export function rightsIn(declaration: string): readonly EntryRights[] {
  const data = parse(declaration).definitions.find(
    (node) => node.kind === Kind.OBJECT_TYPE_DEFINITION && node.name.value === 'SessionData',
  )
  if (data?.kind !== Kind.OBJECT_TYPE_DEFINITION) return []
  return (data.fields ?? []).map(({ name, directives = [] }) => {
    const given = directives.find((directive) => directive.name.value === 'session')?.arguments ?? []
    const key = given.find((argument) => argument.name.value === 'key')?.value
    const client = given.find((argument) => argument.name.value === 'client')?.value
    return {
      key: key?.kind === Kind.STRING ? key.value : name.value,
      may: client?.kind === Kind.LIST ? client.values.map((right) => print(right)) : [],
    }
  })
}
