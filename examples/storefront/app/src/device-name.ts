// This says in plain words what a browser calls itself. Each name stands before those that imitate it.

const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/(?:Chrome|CriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]

const systems: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
]

const find = (names: typeof browsers, text: string) => names.find(([pattern]) => pattern.test(text))?.[1]

export function nameOf(userAgent: string | null | undefined): string {
  if (!userAgent) return 'An unknown device'
  const [browser, system] = [find(browsers, userAgent), find(systems, userAgent)]
  if (browser) return system ? `${browser} on ${system}` : browser
  return userAgent.length > 32 ? `${userAgent.slice(0, 31)}…` : userAgent
}

export const isHandheld = (userAgent: string | null | undefined): boolean =>
  /\b(?:Android|iPhone|iPad|Mobile)\b/.test(userAgent ?? '')
