'use server'

import { refresh } from 'next/cache'
import { AddToCartDocument, LoginDocument, LogoutDocument } from '../documents.gen'
import { type Answer, mutate } from '../session'

/** Renders the page again, with what has changed. */
function show({ errors }: Answer<unknown>): void {
  if (errors) throw new Error(errors.map(({ message }) => message).join(' '))
  refresh()
}

export async function addTea(): Promise<void> {
  show(await mutate(AddToCartDocument, { sku: 'tea' }))
}

export async function login(form: FormData): Promise<void> {
  const field = (name: string): string => {
    const value = form.get(name)
    return typeof value === 'string' ? value : ''
  }
  show(await mutate(LoginDocument, { username: field('username'), password: field('password') }))
}

export async function logout(): Promise<void> {
  show(await mutate(LogoutDocument, { flush: true }))
}
