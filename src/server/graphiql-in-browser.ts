// This is what runs in the browser beside GraphiQL itself: our script and our styles, as text.

/** The parameter of the endpoint's URL by which the page and its server know each other. */
export const pageParameter = 'graphiql'

/** What it says in the page's own introspection. Otherwise it is the name of an asset. */
export const schemaName = 'schema'

/** Runs in the browser after GraphiQL's own script, which it starts. */
export const ownScript = `{
const options = JSON.parse(document.getElementById('options').textContent)
const endpoint = new URL(options.endpoint ?? location.pathname, location.href)

// The server compresses the answer to what is marked so. It would be most of what a reload costs.
const send = self.fetch
self.fetch = (url, init) => {
  const isIntrospection = init?.method === 'POST' && String(init.body).includes('__schema')
  if (!isIntrospection || String(url) !== endpoint.href || endpoint.origin !== location.origin) return send(url, init)
  const marked = new URL(endpoint)
  marked.searchParams.set('${pageParameter}', '${schemaName}')
  return send(marked.href, init)
}

const storedTabs = () => {
  try {
    return JSON.parse(localStorage.getItem('graphiql:tabState')) ?? undefined
  } catch {
    // GraphiQL takes it for none, too.
    return undefined
  }
}

// GraphiQL 5 looks for a stored tab with the query, variables and headers that it starts with, and opens another one
// where it finds none: each reload would add a tab without content.
const state = storedTabs()
const active = state?.tabs?.[state.activeTabIndex]
const linked = new URLSearchParams(location.search).get('query')
if (active && (linked === null || linked === active.query)) {
  options.query = active.query
  for (const name of ['variables', 'headers']) {
    if (active[name]) localStorage.setItem('graphiql:' + name, active[name])
    else localStorage.removeItem('graphiql:' + name)
  }
}

const isEdited = () => {
  const given = new Set(options.defaultTabs.map(({ query }) => query))
  return storedTabs()?.tabs?.some(({ query }) => query && !given.has(query))
}

const forgetTabs = () => {
  for (const name of ['tabState', 'query', 'variables', 'headers', 'operationName']) {
    localStorage.removeItem('graphiql:' + name)
  }
}

const startOver = async () => {
  if (isEdited() && !confirm('Some tabs were edited. Put all of them back as they were?')) return
  const run = async (query) => {
    const response = await send(endpoint, {
      method: 'POST',
      credentials: options.credentials ?? 'same-origin',
      headers: { 'content-type': 'application/json', ...options.additionalHeaders },
      body: JSON.stringify({ query }),
    })
    return (await response.json()).errors
  }
  try {
    // Unlike logout, this leaves no session at all. A session that is kept in its cookie cannot be ended, but cleared.
    const errors = await run('mutation { setSessionExpiry(expiry: { at: "1970-01-01T00:00:00Z" }) { __typename } }')
    if (errors) await run('mutation { clearSession { __typename } }')
  } catch {
    return alert('The server does not answer, so that the session goes on.')
  }
  // When the page is left, as GraphiQL could store its tabs once more until then.
  addEventListener('pagehide', forgetTabs)
  location.replace(location.pathname)
}

addEventListener('click', ({ target }) => {
  if (target.closest('.start-over')) void startOver()
})

monaco.editor.onDidCreateEditor((editor) => editor.updateOptions({ wordWrap: 'on' }))
if (innerWidth <= 900) options.defaultEditorToolsVisibility ??= false
YogaGraphiQL.renderYogaGraphiQL(document.getElementById('root'), options)
}
`

/** The page at every width from 390 pixels up, in GraphiQL's own colours. */
export const ownStyle = `
.graphiql-container button, .graphiql-dialog button { font-family: inherit }

/* While pressed, a tab of GraphiQL 5 jumps to where its animation believes it to be, and the click misses it. */
.graphiql-tab { transform: none !important }

.graphiql-tab-button::before {
  margin-right: var(--px-6);
  color: hsl(var(--color-primary));
  font-weight: var(--font-weight-medium);
}

/* In one row some tabs would have no room, and a mouse does not scroll sideways. */
.graphiql-tabs { flex-wrap: wrap; row-gap: var(--px-4); padding-bottom: 0; overflow: visible }
.graphiql-container .graphiql-session-header {
  align-items: flex-end;
  height: auto;
  min-height: var(--session-header-height);
}
.graphiql-tab-add { margin-bottom: var(--px-4) }
.graphiql-logo { align-self: flex-start; white-space: nowrap }
.page-title { display: flex; align-items: center; justify-content: space-between; gap: var(--px-12); width: 100% }
.page-title > button.graphiql-button { padding: var(--px-2) var(--px-10) }

@media (max-width: 900px) {
  .graphiql-container .graphiql-session-header { flex-wrap: wrap }
  .graphiql-container .graphiql-logo { order: -1; width: 100% }
  .graphiql-container .graphiql-logo span { flex: 1 }
  .graphiql-tabs { flex: 1 }

  .graphiql-container #graphiql-session { flex-direction: column; min-height: 0 }
  .graphiql-container .graphiql-editors, .graphiql-container .graphiql-response { min-height: 0 }
  #graphiql-session > .graphiql-horizontal-drag-bar { display: none }
  /* The margins of editors reach invisibly over what is below them, and would take the clicks there. */
  .graphiql-container .graphiql-response { position: relative }
  .graphiql-container .graphiql-sidebar { position: relative; z-index: 1 }
}

@media (max-width: 600px) {
  .graphiql-container { flex-direction: column-reverse }
  .graphiql-container .graphiql-sidebar { flex-direction: row; width: 100%; padding: 0 var(--px-8) }
  .graphiql-container .graphiql-sidebar > button[style] { margin: 0 0 0 auto !important }
  .graphiql-container .graphiql-main { flex-direction: column; min-height: 0 }
  .graphiql-container .graphiql-sessions { margin: var(--px-8) var(--px-8) 0; min-height: 0 }
  .graphiql-tabs { flex-wrap: nowrap; overflow: auto }
  .graphiql-tab:not(.graphiql-tab-active) .graphiql-tab-button { padding-right: var(--px-10) }
  .graphiql-container .graphiql-query-editor {
    flex-direction: column-reverse;
    gap: var(--px-8);
    padding: var(--px-8);
  }
  .graphiql-container .graphiql-toolbar { flex-direction: row; width: 100% }

  /* The drag bar is there while a plugin is: the documentation has the whole window. */
  .graphiql-main > .graphiql-plugin { flex: 1 !important; border: none }
  .graphiql-main:has(> .graphiql-horizontal-drag-bar) > .graphiql-sessions,
  .graphiql-main > .graphiql-horizontal-drag-bar { display: none }

  .graphiql-dialog { width: calc(100vw - 32px); max-width: none }
  .graphiql-dialog .graphiql-dialog-section { flex-wrap: wrap; gap: var(--px-12) }
  .graphiql-dialog .graphiql-dialog-section > :not(:first-child) { margin-left: 0 }
}
`
