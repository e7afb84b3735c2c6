// This tells the other tabs of a browser that the session changed, and hears it from them.

import { forgetJoinNonce } from './join.ts'

const channelName = 'graphql-session'

/** Milliseconds for which a server remembers what became of an old cookie. */
const remembered = 60_000

let channel: BroadcastChannel | null = null
let listeners = 0
/** When this tab last told the others, or was told, as `performance.now()` has it. */
let lastTold = -Infinity

/** A channel that keeps no process alive: Node has this class, too. */
function openChannel(): BroadcastChannel | null {
  if (typeof BroadcastChannel === 'undefined') return null
  const opened = new BroadcastChannel(channelName)
  ;(opened as { unref?: () => void }).unref?.()
  return opened
}

function told(): void {
  lastTold = performance.now()
  forgetJoinNonce()
}

/**
 * Calls back when another tab of this browser signed in or out, so that this one asks for its data again. Where the
 * platform has no BroadcastChannel, it never does.
 * @param listener - called without data: what another tab may send is not to be trusted
 * @returns ends it
 */
export function onSessionChange(listener: () => void): () => void {
  channel ??= openChannel()
  const own = channel
  if (!own) return () => {}
  const hear = (): void => {
    told()
    listener()
  }
  own.addEventListener('message', hear)
  listeners++
  let isOver = false
  return () => {
    if (isOver) return
    isOver = true
    own.removeEventListener('message', hear)
    if (--listeners > 0) return
    own.close()
    channel = null
  }
}

/**
 * Tells the other tabs of this browser that the session changed; listeners of this tab do not hear it. `sessionFetch`,
 * `sessionLink` and `sessionExchange` call it after the mutations that they know; call it yourself after what they cannot
 * see, like a sign-in by a form or by another site.
 */
export function announceSessionChange(): void {
  told()
  const sender = channel ?? openChannel()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin
  sender?.postMessage(null)
  if (sender !== channel) sender?.close()
}

/**
 * Tells the other tabs that a server answered this one of an old cookie. It says so at most once a minute, and not
 * within a minute of being told: two tabs would go on for ever, each asking because the other one said so.
 */
export function announceOldCookie(): void {
  if (performance.now() - lastTold > remembered) announceSessionChange()
}
