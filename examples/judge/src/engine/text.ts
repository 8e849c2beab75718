// What compilers, checkers and programs say, made fit to be shown: bounded, and without what a terminal obeys.

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

/** At most `maxBytes` of it, as text, without control characters other than tab and newline, and without bidi overrides. */
export function readable(bytes: Buffer, maxBytes: number): string {
  const text = bytes.subarray(0, maxBytes).toString('utf8').replaceAll('\r\n', '\n').replace(CONTROL, '')
  return bytes.length > maxBytes ? `${text}\n[cut off after ${maxBytes} bytes]` : text
}
