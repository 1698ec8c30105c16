/** Folding of words, and content read no further than it is needed. */
import { describe, expect, test } from 'vitest'
import { keyName, keyNumber, keyNumbers } from '../../../model/attribute-key.ts'
import { foldFinish, foldProvider, headOf, newestUserText, readMessages } from '../../../processor/dialects/reading.ts'

describe('providers', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['openai', 'openai'],
    [' OpenAI ', 'openai'],
    ['openai.chat', 'openai'],
    ['gemini', 'gcp.gemini'],
    ['gcp.gemini', 'gcp.gemini'],
    ['azure.ai.openai', 'azure.ai.openai'],
    ['amazon-bedrock.x', 'aws.bedrock'],
    ['langchain', undefined],
    ['', undefined],
    ['acme', 'acme'],
    // Names of what every object has are words like any other.
    ['constructor', 'constructor'],
    ['toString.x', 'tostring.x'],
    ['__proto__.x', '__proto__.x'],
  ]
  for (const [raw, folded] of cases) test(`"${raw}" is ${folded}`, () => expect(foldProvider(raw)).toBe(folded))
})

test('a finish reason that is the name of what every object has is another', () => {
  expect(foldFinish('constructor')).toBe('other')
  expect(foldFinish('valueOf')).toBe('other')
})

describe('the head of a text', () => {
  const cases: readonly (readonly [string, string, number, string])[] = [
    ['a shorter one is the text', 'abc', 4, 'abc'],
    ['ASCII', 'abcdef', 4, 'abcd'],
    ['Latin', 'äöüß!', 3, 'äöü'],
    ['half a pair of surrogates', 'a😀', 2, 'a\ud83d'],
  ]
  for (const [name, text, length, head] of cases) test(name, () => expect(headOf(text, length)).toBe(head))
  test('of an answer is 4096 characters, of what the user said 512', () => {
    const messages = [{ role: 'user', content: 'x'.repeat(5000) }]
    expect(readMessages(messages)?.text).toHaveLength(4096)
    expect(newestUserText(messages)).toHaveLength(512)
  })
})

test('a key and its number name each other', () => {
  const numbers = keyNumbers({ one: 'test.key.one', two: 'test.key.two', again: 'test.key.one' })
  expect(numbers.one).toBe(numbers.again)
  expect(numbers.two).toBe(keyNumber('test.key.two'))
  expect(keyName(numbers.two)).toBe('test.key.two')
  expect(keyName('test.key.three')).toBe('test.key.three')
})
