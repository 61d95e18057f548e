// JSON as it was written. JSON.parse would round numbers, and change the order of members, escapes and duplicates: so the
// content of a message is never parsed here, only cut out of the response's text, and laid out token by token.

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

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

// Return the lines of a JSON text, indented by two spaces.
export function layOut(text) {
  const lines = [];
  let line = "";
  let indent = 0;
  const end = () => {
    lines.push(line);
    line = "  ".repeat(indent);
  };
  let opened = false;
  for (const [token] of text.matchAll(TOKENS)) {
    const closes = token === "}" || token === "]";
    if (opened && !closes) {
      indent += 1;
      end();
    }
    if (closes && !opened) {
      indent -= 1;
      end();
    }
    opened = token === "{" || token === "[";
    line += token === ":" ? ": " : token;
    if (token === ",") end();
  }
  lines.push(line);
  return lines;
}
