import { defineConfig } from 'vitest/config'

export default defineConfig({
  // With Vite's own conditions the tests would load another copy of graphql than Yoga does.
  ssr: { resolve: { conditions: ['node', 'module-sync'] } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    setupFiles: ['test/no-secrets.ts'],
    testTimeout: process.env['LONG'] ? 1_800_000 : 30_000,
  },
})
