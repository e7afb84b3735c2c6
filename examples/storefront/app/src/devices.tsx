// This lists the devices on which the user is signed in, and ends them.

import { useQuery } from '@apollo/client/react'
import { useLayoutEffect, useRef, useState, useTransition } from 'react'
import { ConfirmPassword } from './confirm-password.tsx'
import { isHandheld, nameOf } from './device-name.ts'
import { MyDevices, type MyDevicesQuery } from './session.ts'
import { type Ended, endDevice, endOtherDevices } from './verbs.ts'

type Device = MyDevicesQuery['mySessions'][number]
type End = () => Promise<Ended | undefined>

export function Devices({ done }: { readonly done: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  const { data, error } = useQuery(MyDevices, { fetchPolicy: 'cache-and-network' })
  const [outcome, setOutcome] = useState('')
  /** What waits for the password, and for how many seconds that counts. */
  const [asked, setAsked] = useState<{ readonly end: End; readonly maxAge: number } | null>(null)
  const [isPending, start] = useTransition()

  useLayoutEffect(() => {
    const { current } = dialog
    current?.showModal()
    return () => current?.close()
  }, [])

  const run = (end: End): void => {
    if (isPending) return
    start(async () => {
      const ended = await end()
      if (ended && 'maxAge' in ended) return setAsked({ end, maxAge: ended.maxAge })
      setAsked(null)
      setOutcome(ended ? said(ended.count) : 'That did not work. Try it again.')
      // The button that had the focus may be gone.
      heading.current?.focus()
    })
  }

  const devices = data?.mySessions
  const hasOthers = devices?.some(({ current }) => !current) ?? false
  return (
    <dialog
      ref={dialog}
      className="devices"
      aria-labelledby="devices"
      onClose={() => {
        if (!dialog.current?.open) done()
      }}
    >
      <div className="headline">
        <h2 id="devices" ref={heading} tabIndex={-1}>
          Your devices
        </h2>
        <button type="button" className="close" aria-label="Close" onClick={() => dialog.current?.close()}>
          ×
        </button>
      </div>
      <p>Where you are signed in. What you end is signed out at once, wherever it is open.</p>
      <ul aria-busy={!devices}>
        {devices?.map((device) => (
          <Row key={device.id} device={device} end={() => run(() => endDevice(device.id))} />
        ))}
        {!devices && (error ? <li role="alert">{error.message}</li> : <li className="waiting" />)}
      </ul>
      <p className="outcome" role="status">
        {outcome}
      </p>
      <div className="foot">
        {asked ? (
          <ConfirmPassword
            maxAge={asked.maxAge}
            confirmed={() => run(asked.end)}
            cancelled={() => {
              setAsked(null)
              heading.current?.focus()
            }}
          />
        ) : (
          <>
            <button type="button" className="main" disabled={!hasOthers} onClick={() => run(endOtherDevices)}>
              Sign out everywhere else
            </button>
            <p>
              {devices && !hasOthers
                ? 'You are signed in nowhere else. Sign in with another browser, and it is listed here.'
                : 'If you gave your password a while ago, you are asked for it again.'}
            </p>
          </>
        )}
      </div>
    </dialog>
  )
}

function said(count: number): string {
  if (count === 0) return 'It was signed out already.'
  return count === 1 ? 'One device was signed out.' : `${count} devices were signed out.`
}

function Row({ device, end }: { readonly device: Device; readonly end: () => void }) {
  const { userAgent, label, current, signedInAt, lastSeenAt } = device
  const name = label ?? nameOf(userAgent)
  return (
    <li>
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d={isHandheld(userAgent) ? 'M7 3h10v18H7zM10.5 18h3' : 'M4 5h16v11H4zM2 19h20'} />
      </svg>
      <div>
        <h3>
          {name} {current && <em>This device</em>}
        </h3>
        <p>
          Signed in <Instant at={signedInAt} />
        </p>
        <p>
          Last seen <Instant at={lastSeenAt} />
        </p>
      </div>
      {!current && (
        // Several devices may have the same name.
        <button type="button" aria-label={`End ${name}, signed in ${textOf(signedInAt)}`} onClick={end}>
          End
        </button>
      )}
    </li>
  )
}

// A session lives for three months at most, so that the year goes without saying.
const format = new Intl.DateTimeFormat('en', {
  month: 'short',
  day: 'numeric',
  hour: 'numeric',
  minute: '2-digit',
})

const textOf = (at: string): string => format.format(new Date(at))

const Instant = ({ at }: { readonly at: string }) => <time dateTime={at}>{textOf(at)}</time>
