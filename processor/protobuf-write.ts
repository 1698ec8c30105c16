/** The few small protobuf messages a receiver answers with, written by hand. */

function varint(n: number): number[] {
  const out: number[] = []
  let rest = n
  while (rest > 0x7f) {
    out.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  out.push(rest)
  return out
}

function bytesField(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([field * 8 + 2, ...varint(value.length)]), value])
}

function textField(field: number, value: string): Buffer {
  return value === '' ? Buffer.alloc(0) : bytesField(field, Buffer.from(value))
}

function intField(field: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.from([field * 8, ...varint(value)])
}

/** Export…ServiceResponse: empty when everything was taken, else its partial_success. The same field numbers for all signals. */
export function exportResponse(rejected: number, message: string): Buffer {
  if (rejected === 0 && message === '') return Buffer.alloc(0)
  return bytesField(1, Buffer.concat([intField(1, rejected), textField(2, message)]))
}

/** google.rpc.Status with an optional google.rpc.RetryInfo. */
export function rpcStatus(code: number, message: string, retrySeconds?: number): Buffer {
  const parts = [intField(1, code), textField(2, message)]
  if (retrySeconds !== undefined) {
    const retryInfo = bytesField(1, intField(1, retrySeconds))
    parts.push(bytesField(3, Buffer.concat([textField(1, 'type.googleapis.com/google.rpc.RetryInfo'), bytesField(2, retryInfo)])))
  }
  return Buffer.concat(parts)
}
