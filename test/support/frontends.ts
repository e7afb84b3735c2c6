// This has frontends that tools type by the schema and the documents that the command prints, as their readers begin.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from './documents/workshop.ts'

/** The programs that a frontend is made with, for `node`: each is a script with its first arguments. */
export interface Tools {
  readonly node: string
  readonly cli: string
  readonly codegen: string
  readonly tada: readonly string[]
  readonly relay: string
  readonly tsc: string
  readonly rolldown: string
}

export const declaration = `
  type SessionData {
    darkMode: Boolean! @session(client: [READ, WRITE, DELETE], default: false, key: "dark_mode")
    cart: [CartItem!]! @session(client: [READ, DELETE], default: [])
    currency: Currency! @session(client: [READ, WRITE], default: EUR)
    userId: ID @session(client: [READ, DELETE])
    mfa: Challenge @session(ttl: 300)
  }
  type CartItem { id: ID!  sku: ID!  quantity: Int! }
  type Challenge { nonce: String! }
  enum Currency { EUR USD }
`

const config = (data: string): string =>
  `export default { data: \`${data}\`, typeDefs: 'type User { name: String! } extend type Session { user: User }' }`

const selected = 'id darkMode cart { id sku quantity } currency userId user { name }'
const mutation = `mutation saveMutation($data: SessionDataInput!) { updateSessionData(data: $data) { session { ${selected} } } }`

/** Sends a typed document, as most clients do. */
const send = `
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'

export async function send<Result, Variables>(document: TypedDocumentNode<Result, Variables>, variables: Variables) {
  const body = JSON.stringify({ query: print(document), variables })
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(process.argv[2]!, { method: 'POST', headers, body })
  return ((await response.json()) as { data: Result }).data
}
`

const right = `
import { save } from './save'
import { send } from './send'

const { session } = (await send(save, { data: { currency: 'USD', darkMode: null } })).updateSessionData
const dark: boolean = session.darkMode
const cart: readonly { readonly id: string; readonly sku: string; readonly quantity: number }[] = session.cart
const currency: 'EUR' | 'USD' = session.currency
const user: string | undefined = session.user?.name
console.log(JSON.stringify({ id: session.id, dark, cart, currency, user }))
`

const wrong = `
import { save } from './save'
import { send } from './send'

export async function wrong() {
  // @ts-expect-error a client may not write it
  await send(save, { data: { userId: '1' } })
  // @ts-expect-error there is no such currency
  await send(save, { data: { currency: 'GBP' } })
  // @ts-expect-error it is no text
  await send(save, { data: { darkMode: 'yes' } })
  // @ts-expect-error nothing is given
  await send(save, {})
  const { session } = (await send(save, { data: {} })).updateSessionData
  // @ts-expect-error it is for the server only
  console.log(session.mfa)
  // @ts-expect-error it may be null
  const user: string = session.userId
  // @ts-expect-error it is no text
  const dark: string = session.darkMode
  // @ts-expect-error an item has no such member
  return [user, dark, session.cart[0]?.price]
}
`

const typed = { 'src/send.ts': send, 'src/run.ts': right, 'src/wrong.ts': wrong }

interface Frontend {
  readonly files: Readonly<Record<string, string>>
  /** What the tool is started with. */
  readonly generate: (tools: Tools) => readonly string[]
}

/** By the name of the tool. What is not said here is its default. */
export const frontends = {
  'client-preset': {
    files: {
      ...typed,
      'src/save.ts': `import { graphql } from './gql'\nexport const save = graphql(\`${mutation}\`)\n`,
      'codegen.ts': `export default { schema: 'schema.graphql', documents: 'src/save.ts', generates: { 'src/gql/': { preset: 'client' } } }`,
    },
    generate: ({ codegen }) => [codegen, '--config', 'codegen.ts'],
  },

  'gql.tada': {
    files: {
      ...typed,
      'src/save.ts': `import { graphql } from 'gql.tada'\nexport const save = graphql(\`${mutation}\`)\n`,
    },
    generate: ({ tada }) => [...tada, 'generate-output'],
  },

  'relay-compiler': {
    files: {
      'relay.config.json': '{ "src": "./src", "schema": "./schema.graphql", "language": "typescript" }',
      'src/save.ts': `import { graphql } from 'relay-runtime'\nexport const save = graphql\`${mutation}\`\n`,
      'src/run.ts': `
        import artifact, { type saveMutation } from './__generated__/saveMutation.graphql'

        const variables: saveMutation['variables'] = { data: { currency: 'USD', darkMode: null } }
        const body = JSON.stringify({ query: artifact.params.text, variables })
        const headers = { 'content-type': 'application/json' }
        const response = await fetch(process.argv[2]!, { method: 'POST', headers, body })
        const { data } = (await response.json()) as { data: saveMutation['response'] }
        const { id, darkMode, cart, currency, user } = data.updateSessionData.session
        const dark: boolean = darkMode
        const items: readonly { readonly id: string; readonly sku: string; readonly quantity: number }[] = cart
        console.log(JSON.stringify({ id, dark, cart: items, currency, user: user?.name }))
      `,
      'src/wrong.ts': `
        import { commitMutation, type Environment } from 'relay-runtime'
        import type { saveMutation } from './__generated__/saveMutation.graphql'
        import { save } from './save'

        export function wrong(environment: Environment, data: saveMutation['response']) {
          commitMutation<saveMutation>(environment, { mutation: save, variables: { data: { currency: 'USD' } } })
          // @ts-expect-error a client may not write it
          commitMutation<saveMutation>(environment, { mutation: save, variables: { data: { userId: '1' } } })
          // @ts-expect-error there is no such currency
          commitMutation<saveMutation>(environment, { mutation: save, variables: { data: { currency: 'GBP' } } })
          // @ts-expect-error it is no text
          commitMutation<saveMutation>(environment, { mutation: save, variables: { data: { darkMode: 'yes' } } })
          // @ts-expect-error it is for the server only
          console.log(data.updateSessionData.session.mfa)
          // @ts-expect-error it may be null
          const user: string = data.updateSessionData.session.userId
          return user
        }
      `,
    },
    generate: ({ relay }) => [relay],
  },

  'print-documents': {
    files: {
      ...typed,
      'src/save.ts': `export { UpdateSessionDataDocument as save } from './documents'\n`,
      'codegen.ts': `
        const plugins = ['typescript-operations', 'typed-document-node']
        const config = { documentMode: 'documentNode' }
        export default { schema: 'schema.graphql', documents: 'session.graphql', generates: { 'src/documents.ts': { plugins } } }
      `,
    },
    generate: ({ codegen }) => [codegen, '--config', 'codegen.ts'],
  },
} satisfies Record<string, Frontend>

export type FrontendName = keyof typeof frontends

const tsconfig = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    target: 'es2022',
    lib: ['es2022', 'dom'],
    types: ['node'],
    module: 'esnext',
    moduleResolution: 'bundler',
    skipLibCheck: true,
    noEmit: true,
    plugins: [
      {
        name: 'gql.tada/ts-plugin',
        schema: './schema.graphql',
        tadaOutputLocation: './src/graphql-env.d.ts',
      },
    ],
  },
  include: ['src'],
}

/** Runs a program in a folder. @throws {Error} with what it printed, where it fails */
async function succeed(command: readonly string[], folder: string): Promise<string> {
  // vitest sets NODE_ENV to `test`, in which GraphQL Code Generator does not tell what is wrong.
  const { output, code } = await run(command, folder, { ...process.env, NODE_ENV: 'development' })
  if (code !== 0) throw new Error(output)
  return output
}

/**
 * Makes the frontend in a folder: prints the schema and the documents of a configuration, lets the tool write, and
 * compiles.
 * @throws {Error} with what the tool or the compiler printed
 */
export async function build(
  name: FrontendName,
  folder: string,
  tools: Tools,
  data = declaration,
): Promise<void> {
  const { node, cli, tsc } = tools
  const { files, generate }: Frontend = frontends[name]
  const written = { ...files, 'tsconfig.json': JSON.stringify(tsconfig), 'session.config.mjs': config(data) }
  for (const [file, text] of Object.entries(written)) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
  const print = (command: string) => succeed([node, cli, command, '--config', 'session.config.mjs'], folder)
  const [schema, documents] = await Promise.all(['print-schema', 'print-documents'].map(print))
  await writeFile(join(folder, 'schema.graphql'), schema!)
  await writeFile(join(folder, 'session.graphql'), documents!)
  await succeed([node, ...generate(tools)], folder)
  await succeed([node, tsc, '--project', '.'], folder)
}

/** Bundles the frontend, and runs it beside the server of its configuration. @returns what it printed */
export async function tryOut(folder: string, { node, cli, rolldown }: Tools): Promise<unknown> {
  const bundle = ['src/run.ts', '--file', 'run.mjs', '--platform', 'node', '--log-level', 'silent']
  await succeed([node, rolldown, ...bundle], folder)
  const env = { ...process.env, PORT: '0' }
  const server = spawn(node, [cli, 'serve', '--config', 'session.config.mjs'], { cwd: folder, env })
  try {
    let said = ''
    server.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    while (!said.includes('  keys ')) await once(server.stdout, 'data')
    return JSON.parse(await succeed([node, 'run.mjs', /http:\S+/.exec(said)![0]], folder))
  } finally {
    server.kill('SIGKILL')
  }
}
