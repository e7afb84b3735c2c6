// This is the thread that makes the changes to a SQLite file, and waits for the disk and for other processes.

import { workerData } from 'node:worker_threads'
import { type Answer, Changes, failure, type Failure, type Task } from './sqlite-changes.ts'
import { checkFiles, openAgain } from './sqlite-file.ts'
import { Phase, type ThreadData } from './sqlite-writer.ts'

const { port, shared, path, files, busyTimeout } = workerData as ThreadData
const phase = new Int32Array(shared)
const never = new Int32Array(new SharedArrayBuffer(4))

/** Milliseconds between two looks for whether the lock is free. Whoever has it gives it back after one fsync. */
const lookInterval = 1

const pause = (): void => void Atomics.wait(never, 0, 0, lookInterval)

let opened: { readonly changes: Changes; close(): void } | null = null

function changes(): Changes {
  if (!opened) {
    // SQLite would make a file that is missing.
    checkFiles(files)
    const db = openAgain(path)
    const own = new Changes(db, files, true, { timeout: busyTimeout, pause })
    opened = { changes: own, close: () => db.close() }
  }
  return opened.changes
}

/** Makes changes, and waits for the lock until `busyTimeout` is over. */
function make(given: string): readonly Answer[] | Failure {
  try {
    const asked = JSON.parse(given) as readonly Task[]
    const deadline = performance.now() + busyTimeout
    for (;;) {
      const answers = changes().attempt(asked, performance.now() > deadline)
      if (answers) return answers
      pause()
    }
  } catch (error) {
    return failure(error)
  }
}

port.on('message', (given: string | null) => {
  if (Atomics.compareExchange(phase, 0, Phase.new, Phase.begun) === Phase.abandoned) return port.close()
  if (given !== null) return port.postMessage(JSON.stringify(make(given)))
  opened?.close()
  Atomics.store(phase, 0, Phase.closed)
  Atomics.notify(phase, 0)
  port.close()
})
