// JSON for people, without changing a character of what it says: numbers stay as they were written, however long.

const MAX_DEPTH = 40;
const MAX_CHARACTERS = 20_000;

/** Says why `text` is no JSON; nothing when it is. */
export function fault(text) {
  if (text.trim() === '') return 'Data is missing. An empty object is {}.';
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `Data is no JSON: ${error.message}. Texts and names need double quotes, as in {"text": "Hello"}.`;
  }
}

/** `text` with line breaks and indentation when it is JSON, else as it is; cut when it is very long. */
export function pretty(text) {
  if (text.length > MAX_CHARACTERS) {
    return `${text.slice(0, MAX_CHARACTERS)}\n… ${text.length - MAX_CHARACTERS} more characters`;
  }
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  return indent(text) ?? text;
}

// What stands in strings is copied; white space between tokens is replaced. Nothing when it is nested too deep to be read.
function indent(text) {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let depth = 0;
  let out = '';
  const line = () => `\n${'  '.repeat(depth)}`;
  for (const [at, token] of tokens.entries()) {
    if (token === '{' || token === '[') {
      depth += 1;
      if (depth > MAX_DEPTH) return undefined;
      const isEmpty = tokens[at + 1] === '}' || tokens[at + 1] === ']';
      out += isEmpty ? token : token + line();
    } else if (token === '}' || token === ']') {
      depth -= 1;
      const isEmpty = tokens[at - 1] === '{' || tokens[at - 1] === '[';
      out += isEmpty ? token : line() + token;
    } else if (token === ',') {
      out += token + line();
    } else {
      out += token === ':' ? ': ' : token;
    }
  }
  return out;
}
