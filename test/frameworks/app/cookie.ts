// This is the store of the applications that keep sessions in their cookies.

import { cookieStore } from 'graphql-session/stores/cookie'

export const store = cookieStore({ keys: ['A'.repeat(43)] })
