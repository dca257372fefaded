import tap from 'tap'
import { PieceQueue } from '../../src/engine/piece-queue.js'

const never = () => {
  throw new Error('nobody left')
}

tap.test('pieces come in order, whether they or the reader are first', async (t) => {
  const queue = new PieceQueue(never)
  queue.push('a')
  t.same(await queue.next(), { value: 'a', done: false })
  const waiting = [queue.next(), queue.next(), queue.next(), queue.next()]
  queue.push('b')
  queue.push('c')
  queue.end()
  queue.push('too late')
  t.same(await Promise.all(waiting), [
    { value: 'b', done: false },
    { value: 'c', done: false },
    { value: undefined, done: true },
    { value: undefined, done: true },
  ])
  t.same(await queue.next(), { value: undefined, done: true })
})

tap.test('a failure comes once, after the pieces before it', async (t) => {
  const queue = new PieceQueue(never)
  queue.push('a')
  queue.fail(new Error('broken'))
  t.same(await queue.next(), { value: 'a', done: false })
  await t.rejects(queue.next(), { message: 'broken' })
  t.same(await queue.next(), { value: undefined, done: true })
})

tap.test('a waiting reader gets the failure', async (t) => {
  const queue = new PieceQueue(never)
  const [first, second] = [queue.next(), queue.next()]
  queue.fail(new Error('broken'))
  await t.rejects(first, { message: 'broken' })
  t.same(await second, { value: undefined, done: true })
})

tap.test('a reader that leaves is reported once and gets nothing more', async (t) => {
  let left = 0
  const queue = new PieceQueue(() => {
    left++
  })
  queue.push('a')
  queue.push('b')
  t.same(await queue.next(), { value: 'a', done: false })
  await queue.return()
  await queue.return()
  t.equal(left, 1)
  queue.push('c')
  t.same(await queue.next(), { value: undefined, done: true })
})
