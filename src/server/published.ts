// This makes what the commands print for the tools of a frontend: the schema that a configuration publishes, and documents.

import { Console } from 'node:console'
import { type GraphQLSchema, printSchema } from 'graphql'
import { sessionDocuments } from '../graphql/session-documents.ts'
import { memoryStore } from '../stores/memory.ts'
import { loadConfig, naming } from './config-file.ts'
import { assembleServer, dataIn } from './create-session-server.ts'
import { makeSchema } from './schema.ts'

/** What can be printed of a configuration, by the name of the command. */
export const printers: Readonly<Record<string, (schema: GraphQLSchema) => string>> = {
  'print-schema': printSchema,
  'print-documents': sessionDocuments,
}

/**
 * Makes the text that a command prints for a configuration.
 * @throws {SessionError} CONFIG_INVALID, also for what is no matter of the schema: `serve` refuses the same
 */
export async function publishedBy(command: string, file: string): Promise<string> {
  // A configuration may log. What it says is not for the file into which stdout is written.
  globalThis.console = new Console(process.stderr)
  const config = await loadConfig(file)
  const schema = naming(file, () => {
    const { data, ...rest } = config
    const options = { ...rest, ...(data !== undefined && { data: dataIn(data) }) }
    assembleServer({ ...options, store: memoryStore({ max: 1 }) })
    return makeSchema(options)
  })
  return `${printers[command]!(schema).trimEnd()}\n`
}
