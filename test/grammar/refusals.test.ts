/** Grammars and schemas that cannot be followed are refused in words and with their place, and cost little. */
import tap from 'tap'
import { schemaToGbnf } from '../../src/grammar/json-schema.js'
import { bytesOf, compile, draw, EOS, flat, options, spelled, vocabSize } from './fixtures.js'

tap.test('grammars with mistakes', async (t) => {
  const cases: [string, RegExp][] = [
    ['', /^There is no rule "root"/],
    ['# nothing\n', /^There is no rule "root"/],
    ['x ::= "a"', /^There is no rule "root"/],
    ['root ::= a', /^1:10: The rule "a" is not defined/],
    ['root ::= "a"\n  | b', /^2:3: Expected the name of a rule/],
    ['root ::= ("a"\n  | missing-rule)', /^2:5: The rule "missing-rule" is not defined/],
    ['root = "a"', /^1:6: Expected ::= after "root"/],
    ['root ::= "a" %', /^1:14: Expected the end of the rule/],
    ['root ::= "a" )', /^1:14: There is no group that this \) closes/],
    ['root ::= ("a"', /^1:10: This group is not closed/],
    ['root ::= "a\n"', /^1:10: This literal is not closed/],
    ['root ::= [a\n]', /^1:10: This character class is not closed/],
    ['root ::= []', /^1:10: This character class matches nothing/],
    ['root ::= [z-a]', /^1:11: The ends of this range/],
    ['root ::= "é\\q"', /^1:12: Unknown escape/],
    ['root ::= "\\xg0"', /^1:11: \\x needs 2 hexadecimal digits/],
    ['root ::= "\\uD83D"', /^1:11: This is not the number of a character/],
    ['root ::= "\\U00110000"', /^1:11: This is not the number of a character/],
    ['root ::= "a"{3,1}', /^1:13: The counts of \{m,n\} are in the wrong order/],
    ['root ::= "a"{,3}', /^1:14: Expected a count/],
    ['root ::= "a"{2', /^1:15: Expected } after a count/],
    ['root ::= "a"{99999999999999}', /^1:14: A count is more than 65536/],
    ['root ::= "a"\nroot ::= "b"', /^2:1: The rule "root" is defined twice/],
    ['root ::= root "a" | "b"', /^1:1: The rule "root" is left-recursive/],
    ['root ::= "a" b\nb ::= c? d\nc ::= "c"\nd ::= b "x" | "y"', /^2:1: The rule "b" is left-recursive/],
    ['root ::= (root "a")* "b"', /^1:1: The rule "root" is left-recursive/],
    ['root ::= "a" root', /^No text of less than 2\^30 bytes/],
    ['root ::= ((((("a"{60000}){60000}){60000}){60000}){60000})', /^No text of less than 2\^30 bytes/],
    [`root ::= ${'('.repeat(100000)}`, /^1:511: Groups are nested more than 500 deep/],
    [`root ::= "a"${'*'.repeat(100000)}`, /^1:\d+: Groups and repetitions are nested more than 500 deep/],
    [`root ::= ${'[a-z]? '.repeat(20000)}`, /^The grammar is too large/],
    [
      `root ::= (${'"a"? '.repeat(50)}){60000} (${'[a-c]'.repeat(500)}){60000} ${'x{65536} '.repeat(40)}\nx ::= "x"`,
      /too large/,
    ],
    [
      Array.from({ length: 1500 }, (_, i) => `${i ? `r${i}` : 'root'} ::= r${i + 1} "x" | "y"\n`).join('') +
        'r1500 ::= "z"',
      /begins with more than 1000 rules/,
    ],
    ['a'.repeat(2 ** 20 + 1), /^The grammar has 1048577 bytes; the most are 1048576/],
  ]
  for (const [gbnf, message] of cases) {
    const start = performance.now()
    t.throws(() => compile(gbnf), { code: 'GRAMMAR', message }, gbnf.slice(0, 60))
    t.ok(performance.now() - start < 3000, 'soon')
  }
})

tap.test('what the language has', async (t) => {
  const complete = (gbnf: string, text: string) => compile(gbnf).match(bytesOf(text)) === 'complete'
  const cases: [string, string[], string[]][] = [
    ['root ::= "a" # a comment\n\n# and one more\r\n', ['a'], ['', 'aa']],
    ['root ::= "\\n\\r\\t\\\\\\"\\x41\\u00e9\\U0001F600é"', ['\n\r\t\\"Aé😀é'], []],
    ['root ::= [^a-c\\]\\\\\\n]', ['d', 'é', '😀', '-', '['], ['a', 'c', ']', '\\', '\n', '', 'dd']],
    ['root ::= [a-]{2}', ['--', 'a-'], ['a', 'b-']],
    ['root ::= .', ['\n', '\0', '😀'], ['', 'ab']],
    ['root ::= "ab"*', ['', 'ab', 'abab'], ['aba']],
    ['root ::= ("a" | "b")+ "c"?', ['a', 'bbc'], ['', 'c']],
    ['root ::= "a"{2} | "b"{1,2} | "c"{3,}', ['aa', 'b', 'bb', 'ccc', 'cccc'], ['a', 'aaa', 'bbb', 'cc']],
    ['root ::= "a"{0}', [''], ['a']],
    ['root ::= (\n  "a"\n  |\n  b_1-x\n)\nb_1-x ::=\n  "b"', ['a', 'b'], []],
    ['root ::= "a" |\n "b"', ['a', 'b'], []],
    ['root ::= ""', [''], ['a']],
    ['root ::= ((""*)* | (""?)+){3} "x"', ['x'], ['']],
    ['root ::= "(" root ")" | "x"', ['x', '((x))'], ['(x', '(x))']],
  ]
  for (const [gbnf, yes, no] of cases) {
    for (const text of yes) t.ok(complete(gbnf, text), `${gbnf}: ${JSON.stringify(text)}`)
    for (const text of no) t.notOk(complete(gbnf, text), `${gbnf}: not ${JSON.stringify(text)}`)
  }
})

tap.test('grammars that would be slow are not', async (t) => {
  const cases: Record<string, string> = {
    ambiguous: 'root ::= s\ns ::= "x" s "a" | "x" s "b" | "x" s s | "x" | ""',
    'many alternatives': `root ::= (${Array.from({ length: 3000 }, (_, i) => `.* "${i}"`).join(' | ')})`,
    'nested repetitions': `root ::= ${'('.repeat(100)}"a"${'){0,9}'.repeat(100)}`,
    'nested pluses': `root ::= ${'('.repeat(200)}"a"${')+'.repeat(200)}`,
    'a long count': 'root ::= [a-z]{0,65536}',
    'right recursion': 'root ::= [a-z] root | "."',
    nesting: 'root ::= "[" root "]" | "x"',
  }
  for (const [name, gbnf] of Object.entries(cases)) {
    const grammar = compile(gbnf)
    for (const seed of [1, 2, 3]) t.equal(grammar.match(draw(grammar, seed, 200)), 'complete', name)
  }
})

tap.test('limits, bans and ends', async (t) => {
  const grammar = compile('root ::= "abcabc" | "b" "c"{20}')
  const choose = (maxTokens: number, given = {}) =>
    spelled(grammar.choose(flat, options({ maxTokens, ...given })))
  t.throws(() => choose(1), {
    code: 'GRAMMAR',
    message: /^The shortest text of the grammar has 2 tokens; at most 1/,
  })
  t.equal(Buffer.from(choose(2)).toString(), 'abcabc', 'in two tokens of three bytes')
  // Every token is banned but one that the grammar never allows: the shortest text comes all the same.
  const { sampling } = options()
  const bans = Array.from({ length: vocabSize - 1 }, (_, token) => ({ token, bias: -Infinity }))
  t.equal(Buffer.from(choose(9, { sampling: { ...sampling, logitBias: bans } })).toString(), 'abcabc')
  const empty = compile('root ::= ""')
  t.same(empty.choose(flat, options({ maxTokens: 0 })), new Int32Array(0))
  const optional = compile('root ::= "a"*')
  const likes = new Float32Array(vocabSize).fill(-100)
  likes[EOS] = 100
  t.equal(optional.choose(likes, options()).length, 0, 'the end may come at once')
  t.equal(
    optional.choose(likes, options({ stopTokens: [], maxTokens: 7 })).length,
    7,
    'there is no end token',
  )
})

tap.test('schemas that cannot be followed', async (t) => {
  const cases: [unknown, string, RegExp][] = [
    [3, '#', /^A schema is an object, true or false/],
    [false, '#', /^No value is valid/],
    [{ not: {} }, '#/not', /^The keyword "not" is not supported/],
    [{ properties: { a: { multipleOf: 3 } } }, '#/properties/a/multipleOf', /not supported/],
    [{ properties: { 'a/b~': { if: {} } } }, '#/properties/a~1b~0/if', /not supported/],
    [{ items: { uniqueItems: true } }, '#/items/uniqueItems', /not supported/],
    [{ patternProperties: {} }, '#/patternProperties', /not supported/],
    [{ type: 'text' }, '#/type', /^A type is one of object, array/],
    [{ type: [] }, '#/type', /^A type is one of/],
    [{ enum: [] }, '#/enum', /^Expected an array of at least one/],
    [{ enum: ['a'], minLength: 3 }, '#/minLength', /cannot be combined with enum or const/],
    [{ type: 'object', properties: 3 }, '#/properties', /^Expected an object/],
    [{ type: 'object', properties: { a: 3 } }, '#/properties/a', /^A schema is an object/],
    [{ type: 'object', required: 'a' }, '#/required', /^Expected an array of names/],
    [{ type: 'object', properties: { a: false }, required: ['a'] }, '#', /^No value is valid/],
    [{ type: 'string', minLength: -1 }, '#/minLength', /^Expected a whole number/],
    [{ type: 'string', minLength: 3, maxLength: 2 }, '#/maxLength', /less than minLength/],
    [{ type: 'string', maxLength: 1e6 }, '#/maxLength', /at most 10000/],
    [{ type: 'string', format: 'email' }, '#/format', /"email" is not one of date, time, date-time, uuid/],
    [{ type: 'string', pattern: '(?=a)' }, '#/pattern', /lookaround .* is not supported/],
    [{ type: 'string', pattern: 'a\\b' }, '#/pattern', /"\\b" at character 4/],
    [{ type: 'string', pattern: '(a)\\1' }, '#/pattern', /not supported/],
    [{ type: 'string', pattern: '(' }, '#/pattern', /Invalid regular expression/],
    [{ type: 'string', pattern: '(a$)b' }, '#/pattern', /The anchor "\$"/],
    [{ type: 'string', pattern: 'a', minLength: 2 }, '#/minLength', /cannot be combined with a pattern/],
    [{ type: 'integer', minimum: 1.2, maximum: 1.8 }, '#/minimum', /^No whole number/],
    [{ type: 'number', minimum: 0.2, maximum: 0.8 }, '#/minimum', /without a whole number/],
    [{ type: 'number', minimum: 'a' }, '#/minimum', /^Expected a number/],
    [{ type: 'array', minItems: 3, maxItems: 2 }, '#/maxItems', /less than minItems/],
    [{ type: 'array', maxItems: 1e6 }, '#/maxItems', /at most 10000/],
    [{ type: 'array', prefixItems: 3 }, '#/prefixItems', /^Expected an array/],
    [{ $ref: 'https://example.org/x' }, '#/$ref', /^Only references into the same schema/],
    [{ $ref: '#/$defs/x' }, '#/$ref', /^There is nothing at/],
    [{ $ref: '#/toString' }, '#/$ref', /^There is nothing at/],
    [{ $ref: '#' }, '#/$ref', /leads back to itself/],
    [
      { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
      '#/$defs/b/$ref',
      /leads back/,
    ],
    [{ allOf: [{ type: 'string' }, { type: 'null' }] }, '#/allOf/1/type', /^It excludes the type/],
    [{ allOf: [{ pattern: 'a' }, { pattern: 'b' }] }, '#/allOf/1/pattern', /cannot be put together/],
    [{ anyOf: [{}], oneOf: [{}] }, '#/oneOf', /cannot be combined/],
    [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, '#/oneOf', /branch 0 and branch 1/],
    [{ oneOf: [{ type: 'null' }, { type: 'string' }, { minLength: 2 }] }, '#/oneOf', /branch 0 and branch 2/],
    [
      Array.from({ length: 5000 }).reduce((inner) => ({ items: inner }), {}),
      `#${'/items'.repeat(200)}`,
      /more than 200 deep/,
    ],
  ]
  const doubling = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [
      `a${i}`,
      { allOf: [{ $ref: `#/$defs/a${i + 1}` }, { $ref: `#/$defs/a${i + 1}` }] },
    ]),
  )
  const start = performance.now()
  t.throws(() => schemaToGbnf({ $ref: '#/$defs/a0', $defs: { ...doubling, a40: { type: 'string' } } }), {
    code: 'E_GRAMMAR',
    why: /^References multiply/,
  })
  t.throws(() => schemaToGbnf({ type: 'string', pattern: 'a?'.repeat(2000) }), {
    code: 'E_GRAMMAR',
    why: /more than 2000 characters/,
  })
  t.throws(() => schemaToGbnf({ oneOf: Array.from({ length: 300 }, (_, i) => ({ const: i })) }), {
    code: 'E_GRAMMAR',
    why: /more than 200 branches/,
  })
  t.ok(performance.now() - start < 5000, 'soon')
  for (const [schema, at, why] of cases) {
    t.throws(
      () => schemaToGbnf(schema),
      { code: 'E_GRAMMAR', message: `The schema cannot be followed at "${at}".`, why, next: /./ },
      `${at}: ${why}`,
    )
  }
  const endless = {
    $ref: '#/$defs/a',
    $defs: { a: { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, required: ['a'] } },
  }
  t.throws(() => compile(schemaToGbnf(endless)), { message: /^No text of less than/ })
})
