import { setTimeout } from 'node:timers/promises'
import type { Send } from './caller.ts'
import { type Cookie, type Kind, type Operation, operation } from './history.ts'
import { hear, queries } from './verbs.ts'

export interface Plan {
  readonly clients: number
  /** At least so many, and on until `mayEnd`. */
  readonly operations: number
  readonly mayEnd?: () => boolean
  /** Milliseconds that a client waits between two requests. */
  readonly pause?: number
  /** Operations on a session before it ends, and after. */
  readonly life?: number
  readonly afterlife?: number
}

/** Sessions that are used at the same time, so that several clients meet in each. */
const concurrent = 4
/** Milliseconds that a client waits when it was told that the store is not available. */
const patience = 50

const share: [Kind, number][] = [
  ['set', 24],
  ['pop', 24],
  ['increment', 16],
  ['read', 14],
  ['write', 10],
  ['raise', 8],
  ['delete', 4],
]
const deck: readonly Kind[] = share.flatMap(([kind, cards]) => Array.from({ length: cards }, () => kind))

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)]!

/** A session as its clients know it. */
interface Lineage {
  readonly session: number
  /** The first, and that after a rotation that was acknowledged. */
  readonly tokens: string[]
  left: number
  /** Values that are likely still there: who pops goes for the same as others do. */
  readonly baits: string[]
  hasEnded: boolean
}

/** Clients that use sessions as `checks.ts` can judge. Errors of the store are expected; clients go on. */
export class Workload {
  readonly history: Operation[] = []
  readonly #send: Send
  readonly #plan: Required<Plan>
  readonly #lineages: Lineage[] = []
  readonly #open: (Lineage | null)[] = Array.from({ length: concurrent }, () => null)
  #time = 0
  #sessions = 0
  #values = 0
  #hasEnded = false

  constructor(send: Send, plan: Plan) {
    this.#send = send
    this.#plan = { mayEnd: () => true, pause: 0, life: 160, afterlife: 40, ...plan }
  }

  /** Also where a client met an answer that must not be. */
  get isDone(): boolean {
    return this.#hasEnded || this.history.length >= this.#plan.operations
  }

  async run(): Promise<void> {
    const { clients } = this.#plan
    try {
      await Promise.all(Array.from({ length: clients }, (_, client) => this.#client(client)))
    } finally {
      this.#hasEnded = true
    }
  }

  /** Looks at every session, under every cookie, once all is well again. */
  async review(attempts = 100): Promise<void> {
    const cookies = this.#lineages.flatMap(({ session, tokens }) =>
      tokens.map((token, index) => ({ cookie: { session, index }, token })),
    )
    const reviewer = async (): Promise<void> => {
      for (let next = cookies.pop(); next; next = cookies.pop()) {
        let status = 'unknown'
        for (let attempt = 0; status !== 'acked'; attempt++) {
          if (attempt === attempts) throw new Error('The store did not come back.')
          if (attempt > 0) await setTimeout(patience)
          status = (await this.#do('read', next.cookie, next.token, { isFinal: true })).status
        }
      }
    }
    await Promise.all(Array.from({ length: 8 }, reviewer))
  }

  async #client(client: number): Promise<void> {
    while (!this.#hasEnded && !(this.isDone && this.#plan.mayEnd())) {
      const { status } = await this.#step(client)
      if (status !== 'acked') await setTimeout(patience)
      else if (this.#plan.pause > 0) await setTimeout(this.#plan.pause)
    }
  }

  async #step(client: number): Promise<Operation> {
    const place = Math.floor(Math.random() * concurrent)
    const lineage = this.#open[place]
    if (!lineage) return this.#create(place)
    lineage.left--
    if (lineage.left === 0) {
      if (!lineage.hasEnded) return this.#end(lineage)
      this.#open[place] = null
    }
    const index = Math.floor(Math.random() * lineage.tokens.length)
    const cookie = { session: lineage.session, index }
    return this.#use(client, lineage, cookie, lineage.tokens[index]!)
  }

  /** Whoever does not know whether it was created has no cookie for it, and starts another one. */
  async #create(place: number): Promise<Operation> {
    const session = this.#sessions++
    const first = await this.#do('set', { session, index: 0 }, null, this.#once())
    if (first.status === 'acked') {
      const lineage = {
        session,
        tokens: [first.token],
        left: this.#plan.life,
        baits: [],
        hasEnded: false,
      }
      this.#lineages.push(lineage)
      this.#open[place] ??= lineage
    }
    return first
  }

  async #use(client: number, lineage: Lineage, cookie: Cookie, token: string): Promise<Operation> {
    const kind = pick(deck)
    switch (kind) {
      case 'set': {
        const once = this.#once()
        const done = await this.#do(kind, cookie, token, once)
        lineage.baits.push(once.key)
        if (lineage.baits.length > 3) lineage.baits.splice(Math.floor(Math.random() * 3), 1)
        return done
      }
      case 'pop':
      case 'delete': {
        const bait = pick(lineage.baits)
        if (bait === undefined) return this.#do('read', cookie, token)
        return this.#do(kind, cookie, token, { key: bait })
      }
      case 'increment':
        return this.#do(kind, cookie, token, { key: pick(['count:a', 'count:b']) })
      case 'raise':
        return this.#do(kind, cookie, token, { key: 'high:a', value: this.#value() })
      case 'write':
        return this.#do(kind, cookie, token, { key: `own:${client}`, value: this.#value() })
      default:
        return this.#do('read', cookie, token)
    }
  }

  /** One client ends the session while the others go on; later, who has the old cookie finds nothing. */
  async #end(lineage: Lineage): Promise<Operation> {
    lineage.hasEnded = true
    lineage.left = this.#plan.afterlife
    const kind: Kind = pick(['logout', 'rotate', 'read'])
    const done = await this.#do(kind, { session: lineage.session, index: 0 }, lineage.tokens[0]!)
    if (kind === 'rotate' && done.status === 'acked') lineage.tokens.push(done.token)
    return done
  }

  async #do(
    kind: Kind,
    cookie: Cookie,
    token: string | null,
    about: { key?: string; value?: number; isFinal?: boolean } = {},
  ): Promise<Operation & { token: string }> {
    const began = this.#time++
    const answer = await this.#send({ query: queries[kind], variables: { ...about }, token })
    const done = operation({
      kind,
      cookie,
      ...about,
      began,
      ended: this.#time++,
      ...hear(kind, token, answer),
    })
    this.history.push(done)
    return { ...done, token: answer.token ?? '' }
  }

  #once(): { key: string; value: number } {
    const value = this.#value()
    return { key: `once:${value}`, value }
  }

  #value(): number {
    return ++this.#values
  }
}
