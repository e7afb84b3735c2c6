// This shows the theme that the session has, and keeps a copy for the first paint of the next visit.

import { useLayoutEffect } from 'react'

export function useTheme(darkMode: boolean | undefined): void {
  useLayoutEffect(() => {
    if (darkMode === undefined) return
    const theme = darkMode ? 'dark' : 'light'
    document.documentElement.dataset['theme'] = theme
    try {
      localStorage.setItem('theme', theme)
    } catch {
      // The browser keeps nothing: the session still has it.
    }
  }, [darkMode])
}
