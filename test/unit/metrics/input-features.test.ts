import { expect, test } from 'vitest'
import { scriptOf, tokenBucket } from '../../../processor/input-features.ts'

test.each([
  [0, '0-64'],
  [63, '0-64'],
  [64, '64-256'],
  [255, '64-256'],
  [256, '256-1024'],
  [4096, '4096-16384'],
  [1_048_575, '262144-1048576'],
  [1_048_576, '1048576+'],
  [1e15, '1048576+'],
])('%d tokens are in %s', (tokens, bucket) => expect(tokenBucket(tokens)).toBe(bucket))

test.each([
  ['Where is my order no. 4711?', 'latin'],
  ['Où est ma commande ?', 'latin'],
  ['Где мой заказ?', 'cyrillic'],
  ['我的订单在哪里？', 'han'],
  ['注文はどこですか', 'kana'],
  ['主文書番号の確認手続詳細説明', 'kana'],
  ['내 주문은 어디에 있나요', 'hangul'],
  ['أين طلبي؟', 'arabic'],
  ['मेरा ऑर्डर कहाँ है', 'devanagari'],
  ['আমার অর্ডার কোথায়', 'bengali'],
  ['எனது ஆர்டர் எங்கே', 'tamil'],
  ['איפה ההזמנה שלי', 'hebrew'],
  ['Πού είναι η παραγγελία μου', 'greek'],
  ['คำสั่งซื้อของฉันอยู่ที่ไหน', 'thai'],
  ['ჩემი შეკვეთა სად არის', 'other'],
  ['4711 !? 🙂', 'none'],
  ['', 'none'],
  ['order заказ order заказ', 'mixed'],
  ['order คำสั่งซื้อ', 'mixed'],
])('%s is %s', (text, script) => expect(scriptOf(text)).toBe(script))
