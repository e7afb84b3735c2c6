// This draws a bar chart as SVG.

export interface Bar {
  readonly value: number
  readonly series: 'R' | 'W'
}

export interface Row {
  readonly label: string
  /** Whether the label is set in bold. */
  readonly isOurs: boolean
  readonly bars: readonly Bar[]
}

export interface Group {
  readonly heading: string
  readonly rows: readonly Row[]
}

const width = 990
const left = 420
const right = 60
const bar = 11
const gap = 12

/** Draws horizontal bars, in colours that suit the reader's light or dark colour scheme. */
export function plot(title: string, subtitle: string, groups: readonly Group[]): string {
  const most = Math.max(
    ...groups.flatMap(({ rows }) => rows.flatMap(({ bars }) => bars.map(({ value }) => value))),
  )
  const scale = (width - left - right) / most
  const body: string[] = []
  let y = 84
  for (const { heading, rows } of groups) {
    body.push(`<text class="muted" x="${left - 12}" y="${y}" text-anchor="end">${escape(heading)}</text>`)
    body.push(`<line x1="${left}" y1="${y - 4}" x2="${width}" y2="${y - 4}"/>`)
    y += 12
    for (const { label, isOurs, bars } of rows) {
      const middle = y + (bars.length * bar) / 2 + 4
      const bold = isOurs ? ' class="ours"' : ''
      body.push(`<text${bold} x="${left - 12}" y="${middle}" text-anchor="end">${escape(label)}</text>`)
      for (const { value, series } of bars) {
        const length = Math.max(1, value * scale)
        body.push(
          `<rect class="${series}" x="${left}" y="${y}" width="${length.toFixed(1)}" height="${bar - 1}"/>`,
        )
        body.push(
          `<text class="value" x="${(left + length + 5).toFixed(1)}" y="${y + 9}">${value.toFixed(0)}</text>`,
        )
        y += bar
      }
      y += gap
    }
    y += 16
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" role="img">
<title>${escape(title)}</title>
<style>
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .ours { font-weight: 600 }
  .muted, .value { font-size: 11px; fill: #59636e }
  .R { fill: #0969da }
  .W { fill: #bf8700 }
  line { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .muted, .value { fill: #9198a1 }
    .R { fill: #58a6ff }
    .W { fill: #d29922 }
    line { stroke: #3d444d }
  }
</style>
<text class="title" x="12" y="26">${escape(title)}</text>
${legend('R', 'R: reads one entry', 12)}
${legend('W', 'W: writes one entry', 160)}
<text class="muted" x="${width}" y="51" text-anchor="end">${escape(subtitle)}</text>
${body.join('\n')}
</svg>
`
}

const legend = (series: string, text: string, x: number): string =>
  `<rect class="${series}" x="${x}" y="41" width="11" height="11"/><text x="${x + 17}" y="51">${text}</text>`

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
const escape = (text: string): string => text.replaceAll(/[&<>]/g, (character) => entities[character]!)
