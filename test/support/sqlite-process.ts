// This is the process of a store in a SQLite file, which others have open, too.

import { sqliteStore } from '../../src/stores/sqlite.ts'
import { serve } from './store-process.ts'

serve(sqliteStore(process.argv[2]!, { busyTimeout: 10_000 }))
