import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { MiddlewareHandler } from 'hono'
import { ApiError } from './api-error.js'

/** Whether only this machine can reach an address to listen on. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/**
 * Refuses requests to another host's name: where no key is asked for, a page whose name was made to point to this
 * machine (DNS rebinding) must not be served.
 */
export const localHostOnly: MiddlewareHandler = async (http, next) => {
  const host = (http.req.header('host') ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  if (!isLoopback(host.toLowerCase())) {
    throw new ApiError(403, `This server answers to localhost, not to "${host}".`, { code: 'wrong_host' })
  }
  await next()
}

const digest = (text: string) => createHash('sha256').update(text).digest()

/** Asks for a bearer token. Comparing takes the same time wherever a wrong one differs. */
export function requireKey(key: string): MiddlewareHandler {
  const expected = digest(key)
  return async (http, next) => {
    const given = /^Bearer (.+)$/i.exec(http.req.header('authorization') ?? '')?.[1]
    if (given === undefined || !timingSafeEqual(digest(given), expected)) {
      throw new ApiError(401, given === undefined ? 'An API key is needed.' : 'The API key is wrong.', {
        code: 'invalid_api_key',
        headers: { 'www-authenticate': 'Bearer' },
      })
    }
    await next()
  }
}
