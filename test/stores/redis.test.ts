import { createClient } from 'redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, inject, it } from 'vitest'
import { guarantees } from '../../src/store-suite.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { runs } from '../runs.ts'

const url = inject('redisUrl')
const histories = runs(1_000, 100_000)

describe.skipIf(!url)('redisStore with ioredis', () => {
  const client = new Redis(url!, { lazyConnect: true, autoResendUnfulfilledCommands: false })
  afterAll(() => client.disconnect())
  const store = redisStore(client)
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories }))
})

describe.skipIf(!url)('redisStore with redis', () => {
  const client = createClient({ url: url! })
  beforeAll(() => client.connect())
  afterAll(() => client.destroy())
  const store = redisStore(client)
  it.each(guarantees)('$id $title', ({ check }) => check(store, { histories }))
})
