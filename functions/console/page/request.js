import { operations } from "./operations.js";
import { cutMembers } from "./raw-json.js";
import { withQuery } from "./router.js";
import { session, signOut } from "./session.js";
import { hearClock } from "./time.js";

// An error of the API (RFC 9457), or of the network: then `status` is 0.
class Problem extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title);
    this.status = status;
    this.title = problem.title;
    this.detail = problem.detail;
    this.requestId = problem.request_id;
    this.faults = problem.errors || [];
    this.retryAt = retryAfter > 0 ? Date.now() + retryAfter * 1000 : null; // in milliseconds since 1970
  }
}

// Return the address of an operation, relative to the page: so a stage or a path of a custom domain stays in front of it.
function address(name, path, query) {
  const filled = operations[name][1].replace(/\{(\w+)\}/g, (_, parameter) => encodeURIComponent(path[parameter]));
  return withQuery(filled.slice(1), query);
}

// Call an operation of the contract by its name, and return what it answers; null when there is no body. A string as body is
// sent as it is. `content: "item"` or `"items"`: the members `content` are the JSON text as it was written. Throws Problem.
export async function call(name, { path, query, body, content, signal, token } = {}) {
  const sent = token || session.get().token;
  const headers = sent ? { Authorization: `Bearer ${sent}` } : {};
  const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  if (text !== undefined) headers["Content-Type"] = "application/json";
  let response;
  let answer;
  try {
    const options = { method: operations[name][0], headers, body: text, signal, cache: "no-store", redirect: "error" };
    response = await fetch(address(name, path, query), options);
    answer = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "The broker does not answer", detail: "No answer came. Is the network there?" }, 0);
  }
  hearClock(response.headers.get("Date"));
  if (response.ok) return answer === "" ? null : read(answer, content);
  const problem = new Problem(response.status, readProblem(answer), Number(response.headers.get("Retry-After")));
  if (response.status === 401 && sent === session.get().token) signOut("The token is not valid any more: it was revoked, or it has ended.");
  throw problem;
}

function read(text, content) {
  const answer = JSON.parse(text);
  if (content === "item") [answer.content] = cutMembers(text, "content", 1);
  if (content === "items") {
    const written = cutMembers(text, "content", 3);
    answer.items.forEach((item, index) => (item.content = written[index]));
  }
  return answer;
}

function readProblem(text) {
  try {
    const problem = JSON.parse(text);
    return { title: "The request failed", ...problem, detail: problem.detail || problem.message };
  } catch {
    return { title: "The request failed" };
  }
}

// Return the command of an operation for a shell. The token is never in it.
export function curl(name, { path, query, body } = {}) {
  const [method, , scopes] = operations[name];
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  const parts = ["curl"];
  if (method !== (text === undefined ? "GET" : "POST")) parts.push(`-X ${method}`);
  if (scopes.length > 0) parts.push('-H "Authorization: Bearer $TOKEN"');
  if (text !== undefined) parts.push(`-d ${quote(text)}`);
  parts.push(quote(new URL(address(name, path, query), document.baseURI).href));
  return parts.join(" ");
}
