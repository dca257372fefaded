/**
 * Many clients on loopback that behave in every way: wait for an answer, read a stream to its end, leave at any moment,
 * send too much, nonsense or half a request. Bounded in count. At the end nothing is left, and nobody was kept waiting.
 */
import { connect } from 'node:net'
import t from 'tap'
import { testServer, until } from './server.js'

const CLIENTS = 64
const REQUESTS = 6
const CHAT = '/v1/chat/completions'

/** Numbers in [0, 1) from a seed (Marsaglia's xorshift), so that a failure can be repeated. */
function randomNumbers(seed: number): () => number {
  let state = seed * 2654435761 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const questions = [
  'Define ocean.',
  'What is a dog?',
  'Define mountain.',
  'Who are you?',
  'What does happy mean?',
]

t.test('64 clients at once', async (t) => {
  const server = await testServer(t, { maxBody: 2048, timeLimit: 120 }, { slots: 6, maxWaiting: 24 })
  const { hostname, port } = new URL(server.url)
  const outcomes: Record<string, number> = {}
  const note = (what: string) => {
    outcomes[what] = (outcomes[what] ?? 0) + 1
  }
  const expected = new Map<string, string>()
  for (const content of questions) {
    const response = await server.post(CHAT, { messages: [{ role: 'user', content }], max_tokens: 24 })
    const { choices } = (await response.json()) as { choices: { message: { content: string } }[] }
    expected.set(content, choices[0]?.message.content ?? '')
  }

  /** A raw connection that sends some bytes and leaves. */
  const half = (bytes: string, milliseconds: number) =>
    new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(bytes)
        setTimeout(() => socket.destroy(), milliseconds)
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve())
    })

  const act = async (random: () => number): Promise<void> => {
    const content = questions[Math.floor(random() * questions.length)] as string
    const body = { messages: [{ role: 'user', content }], max_tokens: 24 }
    const kind = random()
    if (kind < 0.3) {
      const response = await server.post(CHAT, body)
      const answer = (await response.json()) as { choices?: { message: { content: string } }[] }
      if (response.status === 200) t.equal(answer.choices?.[0]?.message.content, expected.get(content))
      return note(`whole ${response.status}`)
    }
    if (kind < 0.5) {
      const response = await server.post(CHAT, { ...body, stream: true })
      const text = await response.text()
      if (response.status === 200) t.match(text, /data: \[DONE\]\n\n$/)
      return note(`stream ${response.status}`)
    }
    if (kind < 0.75) {
      const controller = new AbortController()
      const stream = random() < 0.5
      const timer = setTimeout(() => controller.abort(), random() * 60)
      try {
        const init = { signal: controller.signal }
        const endless = { ...body, max_tokens: 200, ignore_eos: true, stream }
        const response = await server.post(CHAT, endless, init)
        await response.text()
        note(`stayed ${response.status}`)
      } catch {
        note('left')
      } finally {
        clearTimeout(timer)
      }
      return
    }
    if (kind < 0.85) {
      const large = { messages: [{ role: 'user', content: 'x'.repeat(3000 + random() * 100_000) }] }
      // The server may close while the rest is still being sent.
      const status = await server.post(CHAT, large).then(
        async (response) => {
          await response.text()
          return response.status
        },
        () => 'closed',
      )
      return note(`large ${status}`)
    }
    if (kind < 0.93) {
      const bodies = ['', '{', '[]', '{"messages":7}', '{"messages":[{}]}', '\u0000', '{"prompt":"x"}']
      const response = await server.post(CHAT, bodies[Math.floor(random() * bodies.length)])
      await response.text()
      return note(`malformed ${response.status}`)
    }
    const head = `POST ${CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 90\r\n`
    const starts = ['GET / HT', head, `${head}\r\n{"mess`, 'nonsense\r\n\r\n', '\u0016\u0003\u0001']
    await half(starts[Math.floor(random() * starts.length)] as string, random() * 30)
    note('half')
  }

  const rss = process.memoryUsage().rss
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      const random = randomNumbers(client + 1)
      for (let i = 0; i < REQUESTS; i++) await act(random)
    }),
  )
  await until(() => server.active === 0)
  t.comment(JSON.stringify(outcomes))
  t.same(server.load(), { running: 0, waiting: 0 }, 'all slots are free')
  const total = Object.values(outcomes).reduce((sum, count) => sum + count, 0)
  t.equal(total, CLIENTS * REQUESTS, 'everybody came to an end')
  for (const what of ['whole 200', 'stream 200', 'left', 'half', 'malformed 400']) t.ok(outcomes[what], what)
  for (const what of Object.keys(outcomes)) {
    t.match(
      what,
      /^(whole (200|503)|stream (200|503)|stayed (200|503)|left|large (413|closed)|malformed 400|half)$/,
    )
  }
  t.ok(process.memoryUsage().rss - rss < 256e6, 'memory stays')
  const after = await server.post(CHAT, {
    messages: [{ role: 'user', content: questions[0] }],
    max_tokens: 24,
  })
  t.equal(after.status, 200, 'it still answers')
  await server.stop()
  // Connections of our own fetch to a server that is gone close by themselves; the server's must be closed now.
  await until(() => !process.getActiveResourcesInfo().includes('TCPServerWrap'))
  t.pass('no open handles')
})
