import { html, useEffect, useState } from "./vendor.js";
import { Empty, Failure, Heading, Loading } from "./parts.js";
import { call } from "./request.js";
import { link } from "./router.js";
import { Table } from "./table.js";
import { meanings } from "./webhook-id.js";

const MOST = 20; // topics that are listed

// What the text of the search could be: one hit is opened at once.
export function Search({ query }) {
  const text = (query.for || "").trim();
  const [found, setFound] = useState(null); // {text, hits, error}
  useEffect(() => {
    const control = new AbortController();
    look(text, control.signal).then(
      (hits) => {
        // Back must not come here again
        if (hits.length === 1) location.replace(hits[0].href);
        else setFound({ text, hits });
      },
      (error) => error.name !== "AbortError" && setFound({ text, hits: [], error }),
    );
    return () => control.abort();
  }, [text]);
  const current = found?.text === text ? found : null;
  const within = current?.hits.some((hit) => hit.topic);
  return html`<${Heading}>Search</${Heading}>
    ${text && html`<p class="story">for <code>${text}</code></p>`}
    ${!current ? html`<${Loading} />`
      : current.error ? html`<${Failure} error=${current.error} />`
      : current.hits.length === 0 ? html`<${NothingFound} text=${text} />`
      : html`<${Table} label="What is found" heads=${["what", "name", within && "topic"]}>
          ${current.hits.map((hit) => html`<tr key=${hit.href} data-row><td class="tight">${hit.what}</td>
            <td><a href=${hit.href}>${hit.topic ? html`<code>${hit.name}</code>` : hit.name}</a></td>
            ${within && html`<td class="tight">${hit.topic}</td>`}</tr>`)}</${Table}>`}`;
}

function NothingFound({ text }) {
  return html`<${Empty} title=${text ? "Nothing is found" : "Nothing to search for"}>
    <p>The search takes the name of a topic, the id of a message or of a subscription, or a webhook-id.</p>
    <p class="muted">It does not find a message that the retention removed, and nothing in a topic that the token does not cover.</p></${Empty}>`;
}

async function look(text, signal) {
  const found = (await Promise.all(meanings(text).map(([id, what]) => findId(id, what, signal)))).filter(Boolean);
  return found.length > 0 ? found : findTopics(text, signal);
}

async function findId(id, what, signal) {
  const found = await orNull(call("find", { path: { id }, signal }));
  if (!found) return null;
  const kind = found.kind === "message" ? "messages" : "subscriptions";
  return { name: id, href: link(["topics", found.topic, kind, found.id]), what: what || found.kind, topic: found.topic };
}

// The topic of this name, else those that have the text in their names.
async function findTopics(text, signal) {
  if (!/^[\w.-]{1,128}$/.test(text)) return [];
  const { items } = await call("listTopics", { query: { search: text, limit: MOST }, signal });
  const names = items.map((topic) => topic.name);
  const more = names.length === MOST;
  const exact = names.includes(text) || (more && (await orNull(call("readTopic", { path: { topic: text }, signal }))));
  return (exact ? [text] : names).map((name) => ({ name, href: link(["topics", name]), what: "topic" }));
}

// Null when there is no such thing, or the broker does not read it as one.
async function orNull(answer) {
  try {
    return await answer;
  } catch (error) {
    if ([400, 403, 404].includes(error.status)) return null;
    throw error;
  }
}
