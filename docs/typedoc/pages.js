/**
 * Makes the pages of the plugin for Markdown shorter, and their links such that a code host resolves them.
 * @param {import('typedoc').Application} app
 */
export function finishPages(app) {
  app.renderer.on('beginRender', ({ project }) => link(project, app.renderer.router))
  app.renderer.on('endPage', (page) => {
    const text = page.model.isProject() ? contents(page.model, app.renderer.router) : tidy(page.contents)
    page.contents = `<!-- Written by npm run codegen, from the docstrings in src. -->\n\n${text}`
  })
}

/**
 * Gives each export the anchor that code hosts give to its heading: they number equal ones, so that `openSession` is
 * #opensession and `OpenSession` is #opensession-1. A link to a member leads to its export.
 */
function link(project, { anchors, fullUrls }) {
  const exported = new Map()
  for (const module of project.children) {
    const slugs = module.children.map(({ name }) => name.toLowerCase())
    for (const [index, slug] of slugs.entries()) {
      const earlier = slugs.slice(0, index).filter((other) => other === slug).length
      exported.set(module.children[index], { module, anchor: earlier === 0 ? slug : `${slug}-${earlier}` })
    }
  }
  for (const reflection of anchors.keys()) {
    let owner = reflection
    while (!exported.has(owner)) owner = owner.parent
    const { module, anchor } = exported.get(owner)
    anchors.set(reflection, anchor)
    fullUrls.set(reflection, `${fullUrls.get(module)}#${anchor}`)
  }
}

/** The first page lists each export with the first paragraph of its docstring. */
function contents(project, router) {
  const lineOf = (child) => {
    const { summary } = child.comment ?? child.signatures?.[0].comment ?? { summary: [] }
    const [paragraph] = summary
      .map(({ text }) => text)
      .join('')
      .split('\n\n')
    return `- [\`${child.name}\`](${router.getFullUrl(child)})${paragraph && `: ${paragraph.replaceAll('\n', ' ')}`}`
  }
  const sections = project.children.map((module) => [
    `## [${module.name}](${router.getFullUrl(module)})`,
    ...module.groups.map(({ title, children }) => `${title}:\n\n${children.map(lineOf).join('\n')}`),
  ])
  return `${[`# ${project.name}`, ...sections.flat()].join('\n\n')}\n`
}

/** Drops the anchors that no link leads to, and sections that only repeat the signature above them. */
function tidy(text) {
  return text
    .replaceAll(/<a id="[^"]*"><\/a> /g, '')
    .replaceAll(/^#+ Type Parameters\n\n\| Type Parameter \|\n(?:\|.*\|\n)+\n/gm, '')
    .replaceAll(/^#+ Returns\n\n`[^[\n]*\n\n(?=#|\*\*\*)/gm, '')
    .replaceAll(/(?<=^#+ (?!Example)[^\n]*\n\n```ts\n).*?(?=^```$)/gms, indent)
}

/** Indents a signature by its brackets. The plugin indents each type in it as if it stood alone. */
function indent(code) {
  const levels = []
  const lines = code
    .trimEnd()
    .replaceAll(/\{\n\}/g, '{}')
    .split('\n')
    .map((line) => {
      const text = line.trim()
      const level = /^[\])}]/.test(text)
        ? levels.at(-1)
        : (levels.at(-1) ?? -1) + 1 + (text.startsWith('|') ? 1 : 0)
      for (const sign of text) {
        if ('[({'.includes(sign)) levels.push(level)
        else if ('])}'.includes(sign)) levels.pop()
      }
      return '  '.repeat(level) + text
    })
  return `${lines.join('\n')}\n`
}
