#!/usr/bin/env node
// This starts the command `graphql-session`, and refuses a Node that is too old for it.

import { readFileSync } from 'node:fs'

const { version, engines } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string; engines: { node: string } }

const floor = engines.node.replace('>=', '')
const own = process.versions.node

// An older Node fails while it loads the other modules, or at the first request, so they are imported later.
if (own.localeCompare(floor, 'en', { numeric: true }) < 0) {
  console.error(
    `graphql-session needs Node ${floor} or newer, and this is Node ${own} (${process.execPath}).`,
  )
  process.exitCode = 1
} else {
  void import('./command.ts').then(({ run }) => run(process.argv.slice(2), version))
}
