// This is what an async iterator answers when nothing comes after it.

export const over = { done: true, value: undefined } as const
