// This measures node:http alone: its server answers with constants and executes no GraphQL.

import { createServer, type Server } from 'node:http'
import { constantAnswers } from '../workload.ts'

/** Reads the body, and answers a mutation with one constant and a query with the other. */
export async function raw(): Promise<Server> {
  const answers = Object.values(constantAnswers).map((text) => Buffer.from(text))
  return createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const [read, write] = answers
      const answer = Buffer.concat(chunks).includes('mutation') ? write! : read!
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
      response.end(answer)
    })
  })
}
