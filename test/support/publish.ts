// This runs before `npm publish`: it refuses an unready package, and makes the README's links absolute.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const { repository, version } = JSON.parse(readFileSync('package.json', 'utf8'))
const [, site] = /^git\+(https:\/\/git(?:hub|lab)\.com\/[^/]+\/[^/]+)\.git$/.exec(repository?.url ?? '') ?? []
const [, newest, state] = /^## (\S+)(.*)$/m.exec(readFileSync('CHANGELOG.md', 'utf8')) ?? []
const isClean = execFileSync('git', ['status', '--porcelain'], { encoding: 'utf8' }) === ''

// A package must say where its source is, which the links need, and what changed in this version.
const reasons: string[] = []
if (!site) {
  const form = '{ "type": "git", "url": "git+https://github.com/OWNER/NAME.git" }, or gitlab.com'
  reasons.push(`package.json must have "repository": ${form}. npm makes homepage and bugs of it.`)
}
if (newest !== version || state !== '') {
  reasons.push(`CHANGELOG.md must begin with "## ${version}", and nothing behind it.`)
}
if (!isClean) reasons.push('Everything must be committed. After a try that failed: git checkout README.md')

if (reasons.length > 0) {
  process.stderr.write(`Not ready to be published:\n- ${reasons.join('\n- ')}\n`)
  process.exitCode = 1
} else writeFileSync('README.md', withAbsoluteLinks(readFileSync('README.md', 'utf8'), site!))

/**
 * A registry shows the README without the files beside it, so that relative links would lead nowhere there.
 * Pictures get the address of their bytes, other files that of the page that shows them. Links in code are
 * left alone. `postpublish` restores the README.
 */
function withAbsoluteLinks(markdown: string, site: string): string {
  const code = /^```.*?^```|`[^`\n]+`/
  const link = /(?<before>\]\(|^\[[^\]]+\]: |\b(?:src|srcset|href)=")(?![a-z]+:|#)(?<path>[^)\s"]+)/
  return markdown.replace(new RegExp(`${code.source}|${link.source}`, 'gms'), (found, ...rest) => {
    const { before, path } = rest.at(-1) as { before?: string; path?: string }
    if (before === undefined || path === undefined) return found
    const view = /\.(?:gif|jpe?g|png|svg|webp)$/.test(path) ? 'raw' : 'blob'
    return before + new URL(path, `${site}/${view}/HEAD/`).href
  })
}
