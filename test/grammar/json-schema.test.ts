/** Schemas become grammars whose every text is valid: drawn as if a model found all tokens alike, checked by ajv. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import tap from 'tap'
import { type JsonSchema, jsonGrammar, schemaToGbnf } from '../../src/grammar/json-schema.js'
import { compile, draw } from './fixtures.js'

const addFormats = formats as unknown as (ajv: Ajv2020) => void

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 8 },
    age: { type: 'integer', minimum: 0, maximum: 120 },
    mail: { type: ['string', 'null'] },
    tags: { type: 'array', items: { enum: ['a', 'b', 'c'] }, maxItems: 3 },
  },
  required: ['age', 'name'],
}

/** Schemas that are followed, by what they show. */
const followed: Record<string, JsonSchema> = {
  anything: true,
  'an empty schema': {},
  types: { type: ['string', 'integer', 'boolean', 'null', 'array', 'object', 'number'] },
  'an object': person,
  'optional properties only': {
    type: 'object',
    properties: { a: { type: 'null' }, b: { type: 'null' }, c: {} },
  },
  'no additional properties': { ...person, additionalProperties: false },
  'additional properties of a type': {
    type: 'object',
    properties: {
      a: { type: 'integer' },
      ab: { type: 'integer' },
      'é"': { type: 'integer' },
      '': { type: 'integer' },
    },
    required: ['ab'],
    additionalProperties: { type: 'string' },
  },
  'additional properties only': { type: 'object', additionalProperties: { type: 'boolean' } },
  'a required property without a schema': {
    type: 'object',
    required: ['x'],
    additionalProperties: { type: 'null' },
  },
  'keywords without a type': { properties: { a: { minimum: 3 } }, required: ['a'] },
  'names to be escaped': {
    type: 'object',
    properties: { 'a"b\\c\n\u0001é😀/~': { const: 1 } },
    required: ['a"b\\c\n\u0001é😀/~'],
  },
  __proto__: {
    type: 'object',
    properties: { ['__proto__']: { type: 'null' }, constructor: { type: 'null' } },
    required: ['constructor'],
  },
  tuples: {
    type: 'array',
    prefixItems: [{ type: 'integer' }, { type: 'string' }],
    items: { type: 'null' },
    minItems: 1,
    maxItems: 5,
  },
  'tuples without more': { type: 'array', prefixItems: [{ type: 'integer' }, { const: 'x' }], items: false },
  'a tuple that is short': { type: 'array', prefixItems: [{ type: 'integer' }, false, { type: 'null' }] },
  'tuples with more than they name': {
    type: 'array',
    prefixItems: [{ type: 'null' }],
    minItems: 3,
    maxItems: 4,
  },
  'counted items': { type: 'array', items: { type: 'boolean' }, minItems: 2, maxItems: 4 },
  'at least so many items': { type: 'array', items: { type: 'boolean' }, minItems: 3 },
  'no items': { type: 'array', maxItems: 0 },
  constants: { enum: ['a', 1, null, { b: [1, 2.5], a: 'x"\\\n' }, [], true, '😀', 'é'] },
  'a constant': { const: { deep: [{}] } },
  'constants of a type': { type: 'string', enum: ['a', 1, 'b'] },
  'constants twice': { enum: ['a', 'b'], const: 'b', type: 'string' },
  branches: { anyOf: [{ type: 'integer', minimum: 5 }, { type: 'array', maxItems: 1 }, false] },
  'branches and more': {
    type: 'object',
    properties: { a: { type: 'null' } },
    required: ['a'],
    anyOf: [
      { properties: { b: { const: 1 } }, required: ['b'] },
      { properties: { c: { const: 2 } }, required: ['c'] },
    ],
  },
  'one of types': { oneOf: [{ type: 'string' }, { type: 'null' }] },
  'one of kinds': {
    oneOf: [
      {
        type: 'object',
        properties: { kind: { const: 'a' }, x: { type: 'integer' } },
        required: ['kind', 'x'],
      },
      { type: 'object', properties: { kind: { enum: ['b', 'c'] } }, required: ['kind'] },
    ],
  },
  'one of closed objects': {
    oneOf: [
      { type: 'object', properties: { a: {} }, required: ['a'], additionalProperties: false },
      { type: 'object', properties: { b: {} }, required: ['b'], additionalProperties: false },
    ],
  },
  'all of objects': {
    allOf: [
      { type: 'object', properties: { a: { type: 'integer', minimum: 0 } }, required: ['a'] },
      { properties: { a: { maximum: 9 }, b: { type: 'string' } }, required: ['b'] },
      { $ref: '#/$defs/c' },
    ],
    $defs: { c: { type: 'object', properties: { c: { type: 'null' } } } },
  },
  'all of closed objects': {
    allOf: [
      { type: 'object', properties: { a: {}, b: { type: 'null' } }, additionalProperties: false },
      { type: 'object', properties: { b: {}, c: {} }, required: ['b'] },
    ],
  },
  'a reference beside keywords': {
    $defs: { n: { type: 'number', minimum: 0 } },
    $ref: '#/$defs/n',
    maximum: 2,
  },
  'a tree': {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        additionalProperties: false,
        properties: {
          value: { type: 'integer' },
          children: { type: 'array', items: { $ref: '#/$defs/node' }, maxItems: 2 },
        },
        required: ['value', 'children'],
      },
    },
  },
  'a list by the root': {
    type: 'object',
    properties: { next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
    required: ['next'],
  },
  'escaped pointers': { $ref: '#/$defs/a~1b~0%25', $defs: { 'a/b~%': { type: 'null' } } },
  'merged recursion': {
    $defs: {
      a: { type: 'object', properties: { c: { $ref: '#/$defs/a' } } },
      b: { type: 'object', properties: { c: { $ref: '#/$defs/b' } } },
    },
    allOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/b' }],
  },
  'integers in a range': { type: 'integer', minimum: -17, maximum: 342 },
  'exclusive integers': { type: 'integer', exclusiveMinimum: 1.5, exclusiveMaximum: 4 },
  'large integers': { type: 'integer', minimum: 99999999990 },
  'negative integers': { type: 'integer', maximum: -98 },
  'one integer': { type: 'integer', minimum: 7, maximum: 7 },
  'numbers in a range': { type: 'number', minimum: -1, maximum: 2.5 },
  'exclusive numbers': { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
  'negative numbers': { type: 'number', exclusiveMaximum: 0 },
  lengths: { type: 'string', minLength: 2, maxLength: 5 },
  'a length from below': { type: 'string', minLength: 3 },
  dates: { type: 'string', format: 'date' },
  times: { type: 'string', format: 'time' },
  'dates and times': { type: 'string', format: 'date-time' },
  identifiers: { type: 'string', format: 'uuid' },
  'a pattern': { type: 'string', pattern: '^[A-Z]{2}-\\d{3}(x|yz)?$' },
  'a pattern in the middle': { type: 'string', pattern: 'a+b' },
  'a pattern of escapes': { type: 'string', pattern: '^["\\\\\\n\\u0000-\\u0009é]{2,4}$' },
  'a pattern of classes': { type: 'string', pattern: '^\\w\\W\\s\\S\\D[^a-z\\d][\\]\\-^]$' },
  'a pattern of branches': { type: 'string', pattern: '^a|b$|^(?:c|d*?)e{2,}$' },
  'any character': { type: 'string', pattern: '^.{3}$' },
  annotations: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 't',
    description: 'd',
    type: 'null',
    default: 1,
    examples: [2],
  },
  'nothing that hinders': { type: 'array', uniqueItems: false, items: { type: 'object', minProperties: 0 } },
}

tap.test('every text is valid under the schema, whatever the limit', async (t) => {
  const ajv = new Ajv2020({ strict: false })
  addFormats(ajv)
  for (const [name, schema] of Object.entries(followed)) {
    const grammar = compile(schemaToGbnf(schema))
    const validate = ajv.compile(schema)
    const seen = new Set<string>()
    for (let seed = 0; seed < 150; seed++) {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(draw(grammar, seed, 40 + seed * 2))
      seen.add(text)
      if (!validate(JSON.parse(text))) t.fail(`${name}: ${text}: ${ajv.errorsText(validate.errors)}`)
    }
    t.ok(seen.size > 0, `${name}: ${seen.size} texts, such as ${[...seen].at(-1)?.slice(0, 80)}`)
  }
})

tap.test('any object', async (t) => {
  const grammar = compile(jsonGrammar())
  for (let seed = 0; seed < 300; seed++) {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(draw(grammar, seed, 2 + (seed % 60)))
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) t.fail(text)
  }
})
