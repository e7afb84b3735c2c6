// This reads the headers Content-Type and Accept.

/** Whether a Content-Type is JSON. Its charset can only be UTF-8, as RFC 8259, 8.1 demands. */
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

/** A type of an answer that is no stream. */
export type PlainType = (typeof plainTypes)[number]

interface Acceptance {
  readonly type: string
  readonly weight: number
}

/**
 * The ranges of an Accept header (RFC 9110, 12.5.1). A range with a charset other than UTF-8 has the weight 0, since
 * Yoga answers in UTF-8 only.
 */
function ranges(accept: string): Acceptance[] {
  return accept
    .toLowerCase()
    .split(',')
    .map((each) => {
      const [type = '', ...parameters] = each.replaceAll(/[\s"]/g, '').split(';')
      const charset = parameters.find((parameter) => parameter.includes('charset='))
      const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
      return { type, weight: charset === undefined || charset === 'charset=utf-8' ? weight : 0 }
    })
}

/** The ranges of an Accept header whose weight is not 0. */
const acceptances = (accept: string): Acceptance[] => ranges(accept).filter(({ weight }) => weight > 0)

/**
 * Gives an Accept header that says the same in words which Yoga understands: it takes the quotes of a parameter for a
 * part of its value (against RFC 9110, 5.6.6), and a weight of 0 for any other.
 * @returns null where Yoga understands the header as it is
 */
export function plainerAccept(accept: string | null | undefined): string | null {
  if (!accept || !/["=]/.test(accept)) return null
  const isMisread = accept.includes('"') || ranges(accept).some(({ weight }) => !(weight > 0))
  return isMisread
    ? acceptances(accept)
        .map(({ type }) => type)
        .join(', ')
    : null
}

const covers = (range: string, type: string): boolean =>
  range === type || range === '*/*' || range === `${type.split('/')[0]}/*`

/** Whether a client accepts at least one of these types. Without an Accept header it accepts any. */
export const accepts = (accept: string | null | undefined, ...types: readonly string[]): boolean =>
  !accept || acceptances(accept).some(({ type: range }) => types.some((type) => covers(range, type)))

const plainTypeByAccept = new Map<string, PlainType | null>()

/**
 * The type of an answer that is no stream, as Yoga chooses it: the one that Accept names first, and
 * `application/json` for a wildcard.
 * @returns null where the client accepts none
 */
export function plainTypeOf(accept: string | null | undefined): PlainType | null {
  if (!accept) return 'application/json'
  const known = plainTypeByAccept.get(accept)
  if (known !== undefined) return known
  const first = acceptances(accept).find(({ type }) => plainTypes.some((plain) => covers(type, plain)))
  const chosen = first ? (plainTypes.find((plain) => plain === first.type) ?? plainTypes[0]) : null
  // Clients send a handful of Accept headers. The bound keeps invented ones from filling the memory.
  if (plainTypeByAccept.size < 100) plainTypeByAccept.set(accept, chosen)
  return chosen
}
