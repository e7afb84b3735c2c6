// This has three attacks on the session, and shows what the server answers to each.

import { useState, useTransition } from 'react'
import { addHundred, type Outcome, replayOldCookie, writeUserId } from './verbs.ts'

export const BreakIt = () => (
  <section aria-labelledby="break-it">
    <h2 id="break-it">Try to break it</h2>
    <ul className="attacks">
      <Attack name="Write user_id" run={writeUserId}>
        Become somebody else by writing the entry that says who you are. No client may.
      </Attack>
      <Attack name="Replay the old cookie" run={replayOldCookie}>
        The server replaces your cookie, and then sends itself a request with the old one. It opens nothing.
      </Attack>
      <Attack name="A hundred adds at once" run={addHundred}>
        A hundred requests write the same cart at the same time. None is lost.
      </Attack>
    </ul>
  </section>
)

interface Props {
  readonly name: string
  readonly run: () => Promise<Outcome>
  readonly children: string
}

function Attack({ name, run, children }: Props) {
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const [isPending, start] = useTransition()
  return (
    <li>
      <button
        type="button"
        aria-busy={isPending}
        onClick={() => {
          if (!isPending) start(async () => setOutcome(await run()))
        }}
      >
        {name}
      </button>
      <p>{children}</p>
      <p className="verdict" role="status">
        {isPending ? '…' : outcome?.verdict}
      </p>
      <pre role="group" aria-label={`Answer to: ${name}`} tabIndex={0}>
        {outcome?.answer}
      </pre>
    </li>
  )
}
