// This parses the URL in SESSION_STORE, and refuses query parameters that its store would ignore.

import { invalid } from './invalid.ts'

export function parse(text: string): URL {
  if (!URL.canParse(text)) throw invalid('SESSION_STORE is not a URL')
  return new URL(text)
}

export function onlyOptions(scheme: string, given: URLSearchParams, known: readonly string[]): void {
  for (const name of given.keys()) {
    if (!known.includes(name)) {
      throw invalid(`SESSION_STORE: ${scheme} has no option "${name}", only ${known.join(', ')}`)
    }
  }
}

export function credentials({ username, password }: URL): { username?: string; password?: string } {
  try {
    return {
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
    }
  } catch {
    throw invalid('SESSION_STORE: a % in the user or password has to be written %25')
  }
}
