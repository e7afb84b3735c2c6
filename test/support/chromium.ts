// This has the arguments with which tests start Chromium.

/**
 * Arguments with which Debian's Chromium runs as root and without a window, and connects to loopback only.
 * @param resolverRules - which names lead where, as `--host-resolver-rules` takes them
 */
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
