import { store } from "./store.js";

// The screens are in the fragment of the address: it is never sent, so topic names stay out of logs, and links need no
// route of their own. A name in braces is a parameter.
const ROUTES = [
  ["overview", "/"],
  ["topics", "/topics"],
  ["topic", "/topics/{topic}"],
  ["topic", "/topics/{topic}/{tab}"],
  ["message", "/topics/{topic}/messages/{id}"],
  ["subscription", "/topics/{topic}/subscriptions/{id}"],
  ["tokens", "/tokens"],
  ["api", "/api"],
  ["api", "/api/{operation}"],
  ["search", "/search"],
];

function parse(fragment) {
  const [path, query] = fragment.replace(/^#/, "").split("?");
  const segments = (path || "/").split("/");
  for (const [screen, pattern] of ROUTES) {
    const parameters = match(pattern.split("/"), segments);
    if (parameters) return { screen, path: path || "/", ...parameters, query: Object.fromEntries(new URLSearchParams(query)) };
  }
  return { screen: "unknown", path, query: {} };
}

function match(pattern, segments) {
  if (pattern.length !== segments.length) return null;
  const parameters = {};
  for (const [index, expected] of pattern.entries()) {
    if (expected.startsWith("{")) {
      const value = decode(segments[index]);
      if (["", ".", ".."].includes(value)) return null; // with dots the path of a request would be another one
      parameters[expected.slice(1, -1)] = value;
    } else if (expected !== segments[index]) return null;
  }
  return parameters;
}

function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

// Return a path with a query of what is not empty.
export function withQuery(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => (value ?? "") !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

// Return the link to a screen.
export const link = (segments, query) => withQuery(`#/${segments.map(encodeURIComponent).join("/")}`, query);

// `/docs` is the reference of the API, which needs no token.
const start = () => (location.hash.startsWith("#/") ? location.hash : location.pathname.endsWith("/docs") ? "#/api" : "#/");

export const route = store(parse(start()));

addEventListener("hashchange", () => {
  // a skip link is a fragment too
  if (location.hash.startsWith("#/") || location.hash === "") route.set(parse(start()));
});

export function go(address) {
  location.hash = address;
}

// Replace the query of this screen, without a step in the history.
export function setQuery(query) {
  const { path } = route.get();
  const address = link(path.split("/").slice(1).map(decode), query);
  history.replaceState(null, "", address);
  route.set(parse(address));
}
