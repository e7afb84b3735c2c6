import type { NextConfig } from 'next'

const config: NextConfig = {
  // What browsers ask for goes on to the GraphQL server, so that page and GraphQL are one origin. A build remembers it.
  rewrites: async () => [
    { source: '/graphql', destination: process.env['SESSION_URL'] ?? 'http://localhost:4000/graphql' },
  ],
  // Next.js would take a folder above for the root, where that has a lockfile as well.
  turbopack: { root: import.meta.dirname },
}

export default config
