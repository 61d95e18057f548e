import { html, useEffect, useState } from "./vendor.js";
import { Icon } from "./icons.js";
import { Empty, Failure, Heading, Loading } from "./parts.js";
import { call } from "./request.js";
import { link } from "./router.js";
import { takes } from "./session.js";
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
  return html`<${Heading}>${text ? `Search for ${text}` : "Search"}</${Heading}>
    ${!current ? html`<${Loading} />`
      : current.error ? html`<${Failure} error=${current.error} />`
      : current.hits.length === 0 ? html`<${Empty} title=${text ? "Nothing is found." : "Nothing to search for."}>
          <p>The search takes the name of a topic, the id of a message or of a subscription, or a webhook-id.</p>
          <p class="muted">A message is not found any more when it was consumed or delivered, and the retention removed it; nor is what the token does not cover.</p></${Empty}>`
      : html`<ul class="hits">${current.hits.map((hit) => html`<li key=${hit.href} class="card" data-row>
          <a href=${hit.href}><${Icon} name=${hit.icon} />${hit.name}</a> <span class="muted">${hit.note}</span></li>`)}</ul>`}`;
}

async function look(text, signal) {
  const found = (await Promise.all(meanings(text).map(([id, note]) => findId(id, note, signal)))).filter(Boolean);
  return found.length > 0 ? found : findTopics(text, signal);
}

async function findId(id, note, signal) {
  const found = await orNull(call("find", { path: { id }, signal }));
  if (!found) return null;
  const kind = found.kind === "message" ? "messages" : "subscriptions";
  return { name: id, href: link(["topics", found.topic, kind, found.id]), icon: "circle", note: `${note || `a ${found.kind}`} of ${found.topic}` };
}

// The topic of this name, else those that have the text in their names.
async function findTopics(text, signal) {
  if (!/^[\w.-]{1,128}$/.test(text)) return [];
  let names = null;
  if (takes("listTopics", "search")) {
    const { items } = await call("listTopics", { query: { search: text, limit: MOST }, signal });
    names = items.map((topic) => topic.name);
  }
  const more = names === null || names.length === MOST;
  const exact = names?.includes(text) || (more && (await orNull(call("readTopic", { path: { topic: text }, signal }))));
  return (exact ? [text] : names || []).map((name) => ({ name, href: link(["topics", name]), icon: "square", note: "a topic" }));
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
