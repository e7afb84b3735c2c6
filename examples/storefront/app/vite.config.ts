// This builds the storefront's page, and compresses it once: the server sends what is there.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

/** Writes a `.br` and a `.gz` beside each script and style. */
const compressed: Plugin = {
  name: 'compressed',
  apply: 'build',
  async writeBundle({ dir = '' }) {
    const names = await readdir(dir, { recursive: true })
    const paths = names.filter((name) => /\.(?:css|js)$/.test(name)).map((name) => join(dir, name))
    await Promise.all(
      paths.map(async (path) => {
        const content = await readFile(path)
        await writeFile(`${path}.br`, brotliCompressSync(content))
        await writeFile(`${path}.gz`, gzipSync(content, { level: 9 }))
      }),
    )
  },
}

export default defineConfig({
  // It finds `graphql-session/client` in the sources of this repository.
  resolve: { tsconfigPaths: true },
  plugins: [react(), compressed],
  build: { outDir: '../dist', emptyOutDir: true, modulePreload: { polyfill: false } },
  server: { proxy: { '/graphql': 'http://localhost:4000' } },
})
