/** A long chat costs no more than a short one: what is drawn and kept is counted, not how long it takes. */
import t from 'tap'
import { type ChatState, INITIAL, reduce } from '../../src/ui/chat-state.js'
import { type Part, THEMES } from '../../src/ui/theme.js'
import { KEY, openChat } from './harness.js'

/** Counts how often something is drawn in the style of a part. */
function countDraws(part: Part): () => number {
  let draws = 0
  const style = THEMES.light[part]
  Object.defineProperty(THEMES.light, part, {
    get: () => {
      draws++
      return style
    },
  })
  return () => draws
}

t.test('a thousand turns before, a hundred and fifty now: each is drawn once', async (t) => {
  const questions = countDraws('question')
  const prompts = countDraws('prompt')
  const turns = Array.from({ length: 1000 }, (_, i) => ({ user: `old ${i}`, assistant: `answer ${i}` }))
  const { type, until } = await openChat(t, { turns, theme: 'light', nCtx: 100_000 })
  await until(/old 999/)
  const perTurn: number[] = []
  for (let i = 0; i < 150; i++) {
    const before = questions()
    await type(`new ${i}.`, KEY.enter)
    await until((frame) => frame.includes(`› new ${i}.\n\nok\n`))
    perTurn.push(questions() - before)
  }
  t.equal(perTurn.at(-1), perTurn[0], 'a question is drawn as often as the first was')
  t.ok(
    perTurn.every((count) => count <= 2),
    `${Math.max(...perTurn)} draws at most`,
  )
  const [drawn, before] = [questions(), prompts()]
  await type(...'typing twenty letters')
  await until(/typing twenty letters/)
  t.equal(questions(), drawn, 'keys draw the input only')
  t.ok(prompts() > before)
  const frame = await until(/new 149/)
  const seen = [...frame.matchAll(/› new (\d+)\./g)].map(([, number]) => Number(number))
  t.strictSame(
    seen,
    Array.from({ length: 150 }, (_, i) => i),
    'nothing is lost where printed items are let go',
  )
})

t.test('the state of the screen stays small', async (t) => {
  const space = { width: 40, maxLive: 4 }
  let state: ChatState = INITIAL
  let most = 0
  let touched = 0
  for (let i = 0; i < 1000; i++) {
    state = reduce(state, { type: 'print', kind: 'question', text: `question ${i}`, space })
    state = reduce(state, { type: 'begin' })
    for (let piece = 0; piece < 5; piece++) {
      const { items } = state
      state = reduce(state, { type: 'stream', text: 'word ', space })
      if (state.items !== items) touched++
    }
    state = reduce(state, { type: 'end', space })
    most = Math.max(most, state.items.length)
    if (state.items.length >= 256) state = reduce(state, { type: 'printed', count: state.items.length })
  }
  t.ok(most < 260, `${most} items at most`)
  t.equal(touched, 0, 'a token within a row touches no items')
  t.equal(state.nextId, 2000)
})

t.test('items printed while others are let go are kept', async (t) => {
  const space = { width: 40, maxLive: 4 }
  let state: ChatState = INITIAL
  for (const text of ['a', 'b', 'c']) state = reduce(state, { type: 'print', kind: 'notice', text, space })
  state = reduce(state, { type: 'printed', count: 2 })
  t.strictSame(
    state.items.map(({ id }) => id),
    [2],
  )
  t.equal(state.page, 1)
  t.ok(state.items[0]?.gap, 'still apart from what is above')
})
