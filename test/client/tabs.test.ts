import { setTimeout } from 'node:timers/promises'
import { gql } from '@apollo/client/core'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { announceSessionChange, onSessionChange } from '../../src/client/tabs.ts'
import { GetSessionKeyDocument, LogoutDocument } from '../../src/graphql/generated/client.ts'
import { answering, clients, refused } from './answering.ts'

let minutes = 0

beforeEach(() => {
  // Whatever was told by an earlier test is long past.
  const now = ++minutes * 10_000_000
  vi.spyOn(performance, 'now').mockImplementation(() => now)
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

/** Another tab: what it hears, once all that was said before has come. */
function otherTab(): { heard(): Promise<number>; channel: BroadcastChannel } {
  const channel = new BroadcastChannel('graphql-session')
  onTestFinished(() => channel.close())
  let count = 0
  channel.addEventListener('message', (event) => {
    expect((event as unknown as { data: unknown }).data).toBeNull()
    count++
  })
  return {
    channel,
    async heard() {
      await setTimeout(20)
      return count
    },
  }
}

const timer = (run: () => void): (() => void) => {
  setImmediate(run)
  return () => {}
}
const done = { data: { done: true } }
const login = gql`
  mutation {
    login
  }
`

describe.each(clients)('%s tells the other tabs', (_, connect) => {
  it('of a logout, and of a mutation that the application names', async () => {
    const { url } = await answering(done)
    const tab = otherTab()
    await connect(url)(login)
    expect(await tab.heard()).toBe(0)
    await connect(url, { changes: ['login'] })(login)
    expect(await tab.heard()).toBe(1)
    await connect(url)(LogoutDocument)
    expect(await tab.heard()).toBe(2)
  })

  it('nothing of a logout that failed', async () => {
    const { url } = await answering(refused('SESSION_STORE_UNAVAILABLE', 'logout'))
    const tab = otherTab()
    await connect(url)(LogoutDocument).catch(() => {})
    expect(await tab.heard()).toBe(0)
  })

  it('once a minute of an old cookie, so that two tabs do not ask for ever', async () => {
    const { url } = await answering(refused('SESSION_GONE'))
    const tab = otherTab()
    for (let count = 0; count < 3; count++) {
      await connect(url)(GetSessionKeyDocument, { key: 'a' }).catch(() => {})
    }
    expect(await tab.heard()).toBe(1)
  })

  it('of a cookie that was replaced', async () => {
    const { url } = await answering(refused('SESSION_MOVED'), { data: { session: null } })
    const tab = otherTab()
    await connect(url, { timer })(GetSessionKeyDocument, { key: 'a' })
    expect(await tab.heard()).toBe(1)
  })
})

it('a tab hears others, not itself, until it stops', async () => {
  const tab = otherTab()
  let heard = 0
  const stop = onSessionChange(() => heard++)
  announceSessionChange()
  expect(await tab.heard()).toBe(1)
  expect(heard).toBe(0)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin
  tab.channel.postMessage(null)
  await tab.heard()
  expect(heard).toBe(1)
  stop()
  stop()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin
  tab.channel.postMessage(null)
  await tab.heard()
  expect(heard).toBe(1)
})

it('does nothing where there is no BroadcastChannel', () => {
  vi.stubGlobal('BroadcastChannel', undefined)
  onSessionChange(() => {})()
  announceSessionChange()
})

describe.each(clients)('%s joins', (_, connect) => {
  it('with one nonce until the session changes', async () => {
    vi.stubGlobal('window', { navigator })
    const { url, received } = await answering(done)
    const run = connect(url)
    await Promise.all([run(login), run(GetSessionKeyDocument, { key: 'a' })])
    await run(LogoutDocument)
    await run(login)
    await connect(url, { join: false })(login)
    const [first, ...rest] = received.map(({ headers }) => headers['session-join'])
    expect(first).toMatch(/^[\w-]{43}$/)
    expect(rest.slice(0, 2)).toEqual([first, first])
    expect(rest[2]).toMatch(/^[\w-]{43}$/)
    expect(rest[2]).not.toBe(first)
    expect(rest[3]).toBeUndefined()
  })

  it('never on a server that renders for many', async () => {
    const { url, received } = await answering(done)
    await connect(url, { join: true })(login)
    expect(received[0]!.headers).not.toHaveProperty('session-join')
  })
})
