/** The contenders of the server bench: ours, the same with protobufjs, ours without what comes after decoding, and not even decoding. */
export const KINDS = ['ours', 'protobufjs 7', 'ours, decoding alone', 'no decoding'] as const
export type Kind = (typeof KINDS)[number]
