/**
 * Whether a URL answers: HEAD, and GET where a server knows no HEAD. Bounded in time, follows no redirect, reads no body.
 * An answer that asks for credentials is an answer: somebody who has them gets in.
 */
import { NETWORK_FAILURES } from '../network-failures.ts'

export interface Reached {
  readonly isReached: boolean
  /** `answers 200`, `does not answer: the connection was refused` */
  readonly text: string
}

/** Whether a fallback is an address, and not a message; guards decide by the same beginning. */
export function isAddress(fallback: string): boolean {
  return /^https?:\/\//.test(fallback)
}

const NO_HEAD = new Set([404, 405, 501])
const NEEDS_LOGIN = new Set([401, 403])

export async function reach(url: string, timeoutMs: number): Promise<Reached> {
  try {
    const first = await statusOf('HEAD', url, timeoutMs)
    const status = NO_HEAD.has(first) ? await statusOf('GET', url, timeoutMs) : first
    return { isReached: status < 400 || NEEDS_LOGIN.has(status), text: `answers ${status}` }
  } catch (error) {
    return { isReached: false, text: `does not answer: ${whyOf(error, timeoutMs)}` }
  }
}

async function statusOf(method: 'HEAD' | 'GET', url: string, timeoutMs: number): Promise<number> {
  const { href, headers } = withLogin(url)
  const response = await fetch(href, { method, headers, redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) })
  await response.body?.cancel()
  return response.status
}

/** Why a request failed, in words. */
export function whyOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `nothing within ${timeoutMs / 1000} s`
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = (cause as { readonly code?: unknown } | undefined)?.code
  return typeof code === 'string' ? (NETWORK_FAILURES[code] ?? code) : cause instanceof Error ? cause.message : String(cause)
}

/** Credentials go into a header: fetch takes no URL that holds them. */
export function withLogin(text: string): { readonly href: string; readonly headers: Readonly<Record<string, string>> } {
  const url = new URL(text)
  const { username, password } = url
  if (username === '') return { href: url.href, headers: {} }
  url.username = url.password = ''
  const login = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')
  return { href: url.href, headers: { authorization: `Basic ${login}` } }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** A URL without what may be secret in it. */
export function shownUrl(text: string): string {
  const url = new URL(text)
  url.username = url.password = url.search = url.hash = ''
  return url.href
}
