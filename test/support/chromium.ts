/** How Debian's Chromium runs as root, without a window, and asks nobody but loopback for anything. */
export const chromiumArgs = (resolverRules: string): string[] => [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--host-resolver-rules=${resolverRules}`,
]
