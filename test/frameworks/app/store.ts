// This is the store of the applications, where a row names no other one.

import { memoryStore } from 'graphql-session/stores/memory'

export const store = memoryStore({ max: 10_000 })
