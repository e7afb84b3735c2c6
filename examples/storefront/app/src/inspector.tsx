// This shows the session as the server sees it.

import { useState, useSyncExternalStore } from 'react'
import { lastNote, onNote } from './journal.ts'
import type { Session } from './session.ts'
import { TimeLeft } from './time-left.tsx'

const rights = ['READ', 'WRITE', 'DELETE'] as const

export function Inspector({ session }: { readonly session: Session | undefined }) {
  const [isOpen, setIsOpen] = useState(false)
  const note = useSyncExternalStore(onNote, lastNote)
  const handle = session?.handle ?? null
  const isOther = handle !== (note?.cameWith ?? null)
  const seconds = session?.expiresIn ?? null
  const since = note?.seenAt ?? 0
  return (
    <aside className="inspector" aria-labelledby="inspector">
      <h2 id="inspector">What the server sees</h2>
      <button type="button" className="grip" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
        <span>Session</span>
        <code key={handle} className={isOther ? 'flashing' : undefined} aria-hidden="true">
          {handle?.slice(0, 8) ?? 'none yet'}
        </code>
        <span className="left" aria-hidden="true">
          <TimeLeft seconds={seconds} since={since} />
        </span>
        <span className="chevron" aria-hidden="true" />
      </button>
      <div className="inside" data-open={isOpen}>
        <dl>
          <dt>Handle</dt>
          <dd>
            <code key={handle} className={isOther ? 'flashing' : undefined} data-testid="handle">
              {handle ?? 'none yet: nothing is stored'}
            </code>
          </dd>
          <dt>Time left</dt>
          <dd>
            <TimeLeft seconds={seconds} since={since} />
          </dd>
          <dt>Cookie, by the last answer</dt>
          <dd className="fate">{note?.cookie}</dd>
        </dl>
        <Entries session={session} />
        <h3>
          Last operation <small>{note?.name}</small>
        </h3>
        <pre role="group" tabIndex={0} aria-label="Last operation">
          {note && `${note.text}\n\n${note.variables}`}
        </pre>
        <p className="fine">
          What became of the cookie is told from the handle: a page cannot see a cookie that is HttpOnly.
        </p>
      </div>
    </aside>
  )
}

function Entries({ session }: { readonly session: Session | undefined }) {
  const values = new Map(session?.entries.map(({ key, value }) => [key, value]))
  const hidden = session?.hidden ?? 0
  return (
    <>
      <table>
        <caption>Entries, which you may read, write and delete</caption>
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">Value</th>
            <th scope="col">May</th>
          </tr>
        </thead>
        <tbody>
          {session?.rights.map(({ key, may }) => (
            <tr key={key}>
              <th scope="row">{key}</th>
              <td title={JSON.stringify(values.get(key))}>
                {values.has(key) ? JSON.stringify(values.get(key)) : 'absent'}
              </td>
              <td>
                {rights.map((right) => (
                  <abbr key={right} title={right} data-may={may.includes(right)}>
                    {may.includes(right) ? right.slice(0, 1) : '·'}
                  </abbr>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="hidden">
        {hidden === 0 && 'No entry is hidden from you.'}
        {hidden === 1 && '1 entry is hidden from you.'}
        {hidden > 1 && `${hidden} entries are hidden from you.`}
      </p>
    </>
  )
}
