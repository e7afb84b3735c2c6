/**
 * Changes what TypeDoc read from the source before pages are made of it.
 * @param {import('typedoc').Application} app
 * @param {ReadonlyMap<string, string>} specifiers by the name of a module
 */
export function finishModel(app, specifiers) {
  app.converter.on('resolveBegin', ({ project }) => {
    for (const module of project.children) module.name = specifiers.get(module.name)
  })
  // After TypeDoc knows what is inherited, before it makes the groups.
  app.converter.on(
    'resolveEnd',
    ({ project }) => {
      for (const reflection of Object.values(project.reflections)) {
        if (isLeftOut(reflection)) project.removeReflection(reflection)
        else {
          // A method that an interface documents anew needs no link to the one that it extends.
          reflection.overwrites = undefined
          describeMembers(reflection)
          describeOnce(reflection)
          nameErrors(reflection, project)
        }
      }
    },
    -1,
  )
  app.converter.on(
    'resolveEnd',
    ({ project }) => {
      for (const module of project.children) sortByName(module)
    },
    -1000,
  )
}

/**
 * A method stands on the page of the class that declares it, and not again where it is inherited. Inherited properties stay,
 * so that the table of an options object is complete. GraphQL Code Generator marks a type of its own that is not for users.
 */
function isLeftOut({ inheritedFrom, signatures, comment }) {
  if (comment?.summary[0]?.text.startsWith('Internal type.')) return true
  return Boolean(inheritedFrom?.reflection && signatures)
}

/**
 * Lists the docstrings of a union's members. The plugin for Markdown leaves out those of strings, and prints objects a
 * second time.
 */
function describeMembers({ comment, type }) {
  if (!comment || type?.type !== 'union' || !type.elementSummaries) return
  const labels = type.types.map(labelOf)
  if (labels.includes(undefined)) return
  for (const [index, label] of labels.entries()) {
    const summary = type.elementSummaries[index] ?? []
    comment.summary.push(
      { kind: 'text', text: index === 0 ? '\n\n- ' : '\n- ' },
      { kind: 'code', text: `\`${label}\`` },
      ...(summary.length > 0 ? [{ kind: 'text', text: ': ' }, ...summary] : []),
    )
  }
  type.elementSummaries = undefined
}

/** A string is its own label. An object has that of its first property, `type: 'created'`. */
function labelOf(type) {
  return type.type === 'literal' ? type.value : type.declaration?.children?.[0]?.type.value
}

/** The plugin prints the docstring of a callable interface at its call signature, too. It is kept there only. */
function describeOnce(reflection) {
  const [signature] = reflection.signatures ?? []
  if (!signature || !reflection.comment) return
  signature.comment ??= reflection.comment
  reflection.comment = undefined
}

/** Links the class in `@throws {SessionError} CODE`, which the plugin leaves out. */
function nameErrors({ comment }, project) {
  for (const { typeAnnotation, content } of comment?.blockTags ?? []) {
    const text = typeAnnotation?.slice(1, -1)
    const target = project.children.flatMap(({ children }) => children).find(({ name }) => name === text)
    if (target)
      content.unshift({ kind: 'inline-tag', tag: '@linkcode', text, target }, { kind: 'text', text: ': ' })
  }
}

/** The page shows the groups, and its anchors are numbered in the order of `children`: both get one order. */
function sortByName(module) {
  for (const { children } of module.groups) children.sort((one, other) => (one.name < other.name ? -1 : 1))
  module.children = module.groups.flatMap(({ children }) => children)
}
