// This reads Content-Type and Accept.

/** Also `charset=utf-8`: RFC 8259 knows no other for what is sent between systems. */
export function isJson(type: string): boolean {
  if (type === 'application/json') return true
  const [essence = '', ...parameters] = type.toLowerCase().split(';')
  if (essence.trim() !== 'application/json') return false
  return parameters.every((parameter) => {
    const [name = '', value = ''] = parameter.split('=')
    return name.trim() !== 'charset' || /^\s*"?utf-?8"?\s*$/.test(value)
  })
}

const plainTypes = ['application/json', 'application/graphql-response+json'] as const

/** A type of one answer that is no stream. */
export type PlainType = (typeof plainTypes)[number]

interface Acceptance {
  readonly type: string
  readonly weight: number
}

/** RFC 9110, 12.5.1. Yoga answers in UTF-8 only, and so has nothing for another charset. */
function acceptances(accept: string): Acceptance[] {
  return accept
    .toLowerCase()
    .split(',')
    .map((each) => {
      const [type = '', ...parameters] = each.replaceAll(/[\s"]/g, '').split(';')
      const charset = parameters.find((parameter) => parameter.includes('charset='))
      const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
      return { type, weight: charset === undefined || charset === 'charset=utf-8' ? weight : 0 }
    })
    .filter(({ weight }) => weight > 0)
}

const covers = (range: string, type: string): boolean =>
  range === type || range === '*/*' || range === `${type.split('/')[0]}/*`

/** Whether one of these types could be answered with. */
export const accepts = (accept: string | null | undefined, ...types: readonly string[]): boolean =>
  !accept || acceptances(accept).some(({ type: range }) => types.some((type) => covers(range, type)))

const plainTypeByAccept = new Map<string, PlainType | null>()

/**
 * The type of an answer that is no stream, as Yoga chooses it: the one named first, and for a wildcard
 * `application/json`. `null`: none.
 */
export function plainTypeOf(accept: string | null | undefined): PlainType | null {
  if (!accept) return 'application/json'
  const known = plainTypeByAccept.get(accept)
  if (known !== undefined) return known
  const first = acceptances(accept).find(({ type }) => plainTypes.some((plain) => covers(type, plain)))
  const chosen = first ? (plainTypes.find((plain) => plain === first.type) ?? plainTypes[0]) : null
  // Clients send a handful of them; whoever makes up others is not remembered.
  if (plainTypeByAccept.size < 100) plainTypeByAccept.set(accept, chosen)
  return chosen
}
