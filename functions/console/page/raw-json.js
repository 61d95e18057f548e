// JSON as it was written. JSON.parse would round numbers, and change the order of members, escapes and duplicates: so the
// content of a message is never parsed here, only cut out of the response's text, and laid out token by token.

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const DEEPEST = 32; // levels that are indented: 256 KiB at the depth of 200 would become 50 MB of spaces

// Return the text of each member `name` at a depth of the text: 1 is a member of the whole, 3 one of an item of a list in it.
export function cutMembers(text, name, depth) {
  const found = [];
  const key = JSON.stringify(name);
  let level = 0;
  let previous = "";
  let start = -1;
  for (const match of text.matchAll(TOKENS)) {
    const token = match[0];
    if (level === depth && start < 0 && token === ":" && previous === key) {
      start = match.index + 1;
    } else if (level === depth && start >= 0 && (token === "," || token === "}")) {
      found.push(text.slice(start, match.index).trim());
      start = -1;
    }
    if (token === "{" || token === "[") level += 1;
    else if (token === "}" || token === "]") level -= 1;
    previous = token;
  }
  return found;
}

// Return the lines of a JSON text, indented by two spaces. What is empty stays on one line: {} or [].
export function layOut(text) {
  const lines = [];
  let line = "";
  let level = 0;
  let opened = false; // by the token before
  const end = () => {
    lines.push(line);
    line = "  ".repeat(Math.min(level, DEEPEST));
  };
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === "}" || token === "]") {
      level -= 1;
      if (!opened) end();
      opened = false;
      line += token;
      continue;
    }
    if (opened) end();
    opened = token === "{" || token === "[";
    if (opened) level += 1;
    line += token === ":" ? ": " : token;
    if (token === ",") end();
  }
  lines.push(line);
  return lines;
}
