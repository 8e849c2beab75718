// Text for terminals: wrapping, commands that stay pasteable, colours.

/** Whether to colour: FORCE_COLOR and NO_COLOR decide, else whether it is a terminal. */
export function wantsColour(stream: { isTTY?: boolean }, environment: NodeJS.ProcessEnv): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no, TERM: term } = environment
  if (force !== undefined) return force !== '0' && force !== 'false'
  if (no !== undefined && no !== '') return false
  return stream.isTTY === true && term !== 'dumb'
}

const CODES = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const

/** Paints, or leaves text as it is. */
export function painter(colour: boolean): (style: keyof typeof CODES, text: string) => string {
  return (style, text) => (colour ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text)
}

// A long path is cut behind a slash, where there is one.
function cut(word: string, width: number): string[] {
  if (word.length <= width) return [word]
  const at = word.lastIndexOf('/', width - 1)
  const length = at > 0 ? at + 1 : width
  return [word.slice(0, length), ...cut(word.slice(length), width)]
}

/** Prose in lines of at most `width`. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  const words = text.split(/\s+/).filter((part) => part !== '')
  for (const word of words.flatMap((part) => cut(part, width))) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line += line === '' ? word : ` ${word}`
    }
  }
  return line === '' ? lines : [...lines, line]
}

// The words of a command, each with what it quotes: a line may end between two words, and nowhere else.
function shellWords(command: string): string[] {
  return command.match(/(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+/g) ?? []
}

/** A command in lines that can be pasted as they are: all but the last end with a backslash. */
export function wrapCommand(command: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of shellWords(command)) {
    const indent = lines.length === 0 ? '' : '  '
    if (line !== '' && line.length + 1 + word.length + 2 > width) {
      lines.push(`${line} \\`)
      line = `  ${word}`
    } else {
      line += line === '' ? indent + word : ` ${word}`
    }
  }
  return line === '' ? lines : [...lines, line]
}

const LONG_COMMAND = 32

/** Prose in which commands stand in backticks: long ones get lines of their own. */
export function wrapRemedy(text: string, width: number): string[] {
  const lines: string[] = []
  let prose = ''
  const flush = () => {
    lines.push(...wrap(prose, width))
    prose = ''
  }
  for (const [i, part] of text.split('`').entries()) {
    if (i % 2 === 0) prose += /^[.,;]/.test(part) && prose === '' ? part.slice(1) : part
    else if (part.length < LONG_COMMAND) prose += part
    else {
      flush()
      lines.push(...wrapCommand(part, width - 2).map((line) => `  ${line}`))
    }
  }
  flush()
  return lines
}
