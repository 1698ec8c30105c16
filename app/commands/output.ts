/** What commands print: results to standard output, the rest to standard error. */

export function print(text: string): void {
  process.stdout.write(text)
}

export function printError(text: string): void {
  process.stderr.write(text)
}

/** One line to standard output. */
export function say(line: string): void {
  print(`${line}\n`)
}
