/**
 * Whether bytes are ASCII, which is most of what attributes hold and the cheapest proof that they are UTF-8.
 * Sixteen bytes at a time by four reads of a DataView: 0.2 ns a byte, where a loop over bytes takes 0.6 and the call into native code
 * 100 ns before it has looked at anything. The last reads overlap the ones before instead of a loop over the rest.
 */
export function isAscii(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  const length = (end - start) | 0
  let p = start | 0
  let seen = 0
  if (length >= 16) {
    const last = (end - 16) | 0
    for (; p < last; p = (p + 16) | 0) {
      seen |=
        view.getInt32(p, true) | view.getInt32((p + 4) | 0, true) | view.getInt32((p + 8) | 0, true) | view.getInt32((p + 12) | 0, true)
    }
    seen |=
      view.getInt32(last, true) |
      view.getInt32((last + 4) | 0, true) |
      view.getInt32((last + 8) | 0, true) |
      view.getInt32((last + 12) | 0, true)
    return (seen & 0x80808080) === 0
  }
  if (length >= 4) {
    const last = (end - 4) | 0
    for (; p < last; p = (p + 4) | 0) seen |= view.getInt32(p, true)
    return ((seen | view.getInt32(last, true)) & 0x80808080) === 0
  }
  for (; p < end; p = (p + 1) | 0) seen |= bytes[p] as number
  return seen < 0x80
}
