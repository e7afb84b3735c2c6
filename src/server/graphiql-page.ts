// This makes the HTML of GraphiQL and the scripts, styles and icon that it loads.

import { createHash } from 'node:crypto'
import type { GraphiQLOptions } from 'graphql-yoga'
import { type Encoded, encoded } from '../http/encoding.ts'
import { ownScript, ownStyle, pageParameter } from './graphiql-in-browser.ts'

/** What is answered with, in whatever coding a client takes. */
export interface Content {
  readonly body: Encoded
  readonly headers: Readonly<Record<string, string>>
}

/** What the page loads. The name of an asset changes with its content, so that browsers can keep it for ever. */
export interface Assets {
  readonly byName: ReadonlyMap<string, Content>
  /** URLs, relative to the page. */
  readonly icon: string
  readonly style: string
  readonly script: string
}

/** Takes the parts of GraphiQL: 9 MB, which are loaded when this is called. */
export async function loadAssets(): Promise<Assets> {
  const bundle = await import('./graphiql-bundle.ts')
  const byName = new Map<string, Content>()
  const add = (file: string, type: string, content: string | Uint8Array): string => {
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 16)
    const name = file.replace('.', `-${hash}.`)
    byName.set(name, {
      body: encoded(content),
      headers: {
        'content-type': type,
        'x-content-type-options': 'nosniff',
        'cache-control': 'public, max-age=31536000, immutable',
        vary: 'Accept-Encoding',
      },
    })
    // The path stays the endpoint's: routers of frameworks hand a Yoga nothing else, and proxies rename it.
    return `?${pageParameter}=${name}`
  }
  const javascript = 'text/javascript; charset=utf-8'
  // By the labels with which Monaco asks for them.
  const workers = JSON.stringify({
    editorWorkerService: add('editor.js', javascript, bundle.editorWorkerService),
    graphql: add('graphql.js', javascript, bundle.graphqlWorker),
    json: add('json.js', javascript, bundle.jsonWorker),
  })
  const environment = `self.MonacoEnvironment = { globalAPI: true, getWorkerUrl: (_, label) => (${workers})[label] }`
  const [, icon = ''] = bundle.favicon.split(';base64,')
  return {
    byName,
    icon: add('icon.ico', 'image/x-icon', Buffer.from(icon, 'base64')),
    style: add('style.css', 'text/css; charset=utf-8', bundle.css + ownStyle),
    script: add('script.js', javascript, [environment, bundle.js, ownScript].join('\n;\n')),
  }
}

/** The page itself: what depends on the options, and where the rest is. */
export function pageOf(options: GraphiQLOptions, { icon, style, script }: Assets): string {
  const { favicon = icon, defaultTabs = [] } = options
  const title = escapeHtml(options.title ?? 'GraphiQL')
  // GraphiQL shows it as HTML.
  const shownTitle = `<span class="page-title">${title}${defaultTabs.length > 0 ? startOver : ''}</span>`
  const json = JSON.stringify({ ...options, title: shownTitle }).replaceAll('<', '\\u003c')
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${title}</title>
    <link rel="icon" href="${escapeHtml(favicon)}" />
    <link rel="stylesheet" href="${style}" />
    <style>
${numbersOf(defaultTabs)}
    </style>
    <script defer src="${script}"></script>
  </head>
  <body class="no-focus-outline">
    <noscript>GraphiQL needs JavaScript.</noscript>
    <div id="root"></div>
    <script id="options" type="application/json">${json}</script>
  </body>
</html>
`
}

const startOver =
  '<button type="button" class="graphiql-button start-over" title="End the session, and put the tabs back">Start over</button>'

/** What GraphiQL takes for the title of a tab, which cannot be given. */
const titlePattern = /^(?!#).*(?:query|subscription|mutation)\s+(\w+)/m

/** Shows the order of tabs. A number belongs to a title, so that it stays where tabs are closed or moved. */
function numbersOf(tabs: NonNullable<GraphiQLOptions['defaultTabs']>): string {
  return tabs
    .map(({ query }, index) => [titlePattern.exec(query ?? '')?.[1], index + 1] as const)
    .filter(([title]) => title !== undefined)
    .map(([title, number]) => `.graphiql-tab-button[title="${title}"]::before { content: "${number}" }`)
    .join('\n')
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
