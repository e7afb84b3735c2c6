import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { expect, it } from 'vitest'
import { headOf } from '../../src/http/message.ts'

it.each([
  ['a socket without TLS', {}, 'http'],
  ['a socket of Bun without TLS', { encrypted: false }, 'http'],
  ['a socket with TLS', { encrypted: true }, 'https'],
])('the scheme of %s', (_, members, scheme) => {
  const message = new IncomingMessage(Object.assign(new Socket(), members))
  expect(headOf(message).scheme).toBe(scheme)
})
