// This says what is wrong with a declaration of session data, and in which line.

import type { ASTNode } from 'graphql'
import { SessionError } from '../../session/errors.ts'

/**
 * @param node - where it is; one that was read from no document has no line
 */
export const flaw = (rule: string, node?: ASTNode | null): SessionError =>
  new SessionError(
    'CONFIG_INVALID',
    `sessionData${node?.loc ? `, line ${node.loc.startToken.line}` : ''}: ${rule}${/[.?]$/.test(rule) ? '' : '.'}`,
  )
