/**
 * Text that compresses like natural text: words drawn by Zipf's law into sentences and paragraphs. In: a random source and a length.
 * The same seed gives the same text on every machine; a corpus from files would change with the files.
 */
import type { Random } from '../detection/fleet/random.ts'

const SYLLABLES = (
  'a an ar at ba be ber ca cal cen cha com con cor de den der di dis do e ed el en er es est ex fa fi for ful ga ge gen ger ha hi ' +
  'i ic il im in ing ion is it ity ja ke la le lec li ly ma man me men ment mi mo mu na ne ness ni no o of on or ous out per po pre pro ' +
  're res ri ro sa se sen ser ship si so sta sti sub ta te tem ten ter ti tion tive to tra tri tu ty u un up ur us ve ven ver vi wa way'
).split(' ')
const WORDS = 6000
/** Text is cut from one long piece: making it word by word for every attribute would take longer than the bench. */
const CHARACTERS = 1_000_000

/** Makes a source of text; each piece is cut from it by the randomness of who asks. */
export function createText(random: Random): (by: Random, characters: number) => string {
  const words = Array.from({ length: WORDS }, (_, rank) => {
    const syllables = random.whole(1, rank < 100 ? 2 : 4)
    return Array.from({ length: syllables }, () => SYLLABLES[random.whole(0, SYLLABLES.length - 1)]).join('')
  })
  const parts: string[] = []
  for (let length = 0; length < CHARACTERS;) {
    const sentence = sentenceOf(words, random)
    parts.push(sentence)
    length += sentence.length
  }
  const all = parts.join('')
  return (by, characters) => {
    const at = by.whole(0, all.length - characters - 1)
    return all.slice(at, at + characters)
  }
}

function sentenceOf(words: readonly string[], random: Random): string {
  const chosen = Array.from({ length: random.whole(5, 24) }, () => {
    // A log-uniform rank is Zipf's law with exponent 1.
    const rank = Math.floor(WORDS ** random.uniform()) - 1
    return words[rank] ?? ''
  })
  const [first = '', ...rest] = chosen
  const end = random.uniform() < 0.12 ? '.\n\n' : random.uniform() < 0.1 ? '? ' : '. '
  return `${first.charAt(0).toUpperCase()}${first.slice(1)} ${rest.join(random.uniform() < 0.2 ? ', ' : ' ')}${end}`
}
