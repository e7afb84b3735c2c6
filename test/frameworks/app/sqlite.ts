// This is the store of the applications that keep sessions in SQLite.

import { sqliteStore } from 'graphql-session/stores/sqlite'

export const store = sqliteStore('sessions.db')
