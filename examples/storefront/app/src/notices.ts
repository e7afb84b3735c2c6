// This keeps the one notice that the page shows, until it is taken away or the page is loaded again.

let current = ''
const listeners = new Set<() => void>()

export const currentNotice = (): string => current

export function onNotice(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function show(notice: string): void {
  current = notice
  for (const listener of listeners) listener()
}
