import fc from 'fast-check'
import t from 'tap'
import { type ChatEvent, ChatTree, newTurnId } from '../../../src/engine/chat/chat-tree.js'

const ask = (id: string, parent: string | null): ChatEvent => ({ type: 'ask', id, parent, user: `q ${id}` })
const answer = (id: string): ChatEvent => ({ type: 'answer', id, assistant: `a ${id}` })
const go = (id: string | null): ChatEvent => ({ type: 'go', id })

function grow(...events: readonly ChatEvent[]): ChatTree {
  const tree = new ChatTree()
  for (const event of events) if (!tree.apply(event)) throw new Error(`refused ${JSON.stringify(event)}`)
  return tree
}

const ids = (nodes: readonly { readonly id: string }[]) => nodes.map(({ id }) => id).join(' ')

t.test('a path grows, branches, and is found again', async (t) => {
  const tree = grow(ask('a', null), answer('a'), ask('b', 'a'), answer('b'), ask('c', 'b'), answer('c'))
  t.equal(ids(tree.path), 'a b c')
  tree.apply(ask('B', 'a'))
  tree.apply(answer('B'))
  t.equal(ids(tree.path), 'a B')
  const b = tree.node('b')
  t.equal(b && ids(tree.variants(b)), 'b B')
  t.equal(tree.leafOf('b'), 'c', 'where the path ended when it went through b')
  tree.apply(ask('A', null))
  tree.apply(answer('A'))
  t.equal(tree.leafOf('a'), 'B')
  tree.apply(go('c'))
  t.equal(tree.leafOf('a'), 'c')
  tree.apply(go('a'))
  t.equal(tree.latestChild('a'), 'b')
  t.equal(tree.size, 5)
})

t.test('a question without an answer is no variant, unless it is the one on the path', async (t) => {
  const tree = grow(ask('a', null), answer('a'), ask('b', null))
  const [a, b] = [tree.node('a'), tree.node('b')]
  t.equal(a && ids(tree.variants(a)), 'a')
  t.equal(b && ids(tree.variants(b)), 'a b')
})

t.test('events about turns that are not there change nothing', async (t) => {
  const tree = grow({ type: 'system', text: 'S' }, ask('a', null))
  const before = [...tree.events()]
  const { conversation } = tree
  for (const event of [ask('a', null), ask('x', 'none'), answer('none'), go('none')])
    t.notOk(tree.apply(event))
  t.strictSame([...tree.events()], before)
  t.equal(tree.conversation, conversation)
})

t.test('ids differ', async (t) => {
  t.equal(new Set(Array.from({ length: 10_000 }, newTurnId)).size, 10_000)
})

t.test('whatever happened, its events make the same tree again', async (t) => {
  const step = fc.record({ kind: fc.constantFrom('ask', 'answer', 'go', 'system'), at: fc.nat(30) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const tree = new ChatTree()
      const known: string[] = []
      for (const { kind, at } of steps) {
        const some = known[at % (known.length + 1)] ?? null
        if (kind === 'system') tree.apply({ type: 'system', text: at === 0 ? null : `s${at}` })
        else if (kind === 'go') tree.apply(go(some))
        else if (kind === 'answer' && some !== null) tree.apply(answer(some))
        else if (kind === 'ask') {
          const id = `t${known.length}`
          tree.apply(ask(id, some))
          known.push(id)
        }
      }
      const again = grow(...tree.events())
      t.strictSame([...again.events()], [...tree.events()])
      t.strictSame(again.conversation, tree.conversation)
      for (const { id, parent } of tree.path) t.equal(tree.latestChild(parent), id)
    }),
    { numRuns: 50 },
  )
})
