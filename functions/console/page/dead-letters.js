import { html, useState } from "./vendor.js";
import { BulkDelete, BulkRedrive } from "./dead-letter-actions.js";
import { Preview } from "./content.js";
import { act, show } from "./dialog.js";
import { Filters, filterOf } from "./filters.js";
import { number, plural } from "./format.js";
import { useAnswer } from "./live.js";
import { LABELS, Labels } from "./messages.js";
import { More, usePages } from "./pages.js";
import { Answer, Do, Empty, Id } from "./parts.js";
import { link, setQuery } from "./router.js";
import { may } from "./session.js";
import { Table } from "./table.js";
import { Time } from "./time.js";

const DEAD_FILTERS = ["reason", "sender", "key", "since", "until"];
const MOST_IDS = 1000; // ids in one request

// Messages that the queue, or one subscription, has given up on.
export function DeadLetters({ topic, query }) {
  const filter = filterOf([...DEAD_FILTERS, "subscription"], query);
  const { data } = useAnswer("listSubscriptions", { path: { topic } }, { once: true, skip: !may("listSubscriptions", topic) });
  const known = data?.items || [];
  const pages = usePages("listDeadLetters", { path: { topic }, query: filter, content: "items" });
  const [picked, pick] = useState(new Set());
  const chosen = pages.items.filter((item) => picked.has(item.id)).map((item) => item.id);
  const filtered = filterOf(DEAD_FILTERS, query);
  const after = () => {
    pick(new Set());
    pages.refresh();
  };
  const redrive = () =>
    act("redrive", { path: { topic }, body: { subscription: query.subscription, ids: chosen } },
      ({ redriven }) => `${plural(redriven, "dead letter")} redriven`, after);
  const words = Object.keys(filtered).length ? "all that match…" : "all…";
  const ask = (dialog) => show(dialog, { topic, filter, name: known.find(({ id }) => id === query.subscription)?.name, after });
  return html`<${Filters} names=${DEAD_FILTERS} query=${query}><${Of} known=${known} query=${query} /></${Filters}>
    <${Answer} answer=${pages.answer}>${() => html`
      <${Reasons} items=${pages.items} query=${query} />
      ${pages.items.length ? html`
        <div class="bar">
          <${Do} operation="redrive" topic=${topic} disabled=${chosen.length === 0 || chosen.length > MOST_IDS} onClick=${redrive}>
            Redrive selected${chosen.length ? ` (${number(chosen.length)})` : ""}</${Do}>
          <span class="space"></span>
          <${Do} operation="redrive" topic=${topic} onClick=${() => ask(BulkRedrive)}>Redrive ${words}</${Do}>
          <${Do} operation="deleteDeadLetters" topic=${topic} danger onClick=${() => ask(BulkDelete)}>Delete ${words}</${Do}>
        </div>
        <${Letters} topic=${topic} items=${pages.items} picked=${picked} pick=${pick} ofOne=${Boolean(query.subscription)} />`
        : html`<${NoDeadLetter} filtered=${Object.keys(filtered).length > 0} next=${pages.next} subscription=${query.subscription} />`}
      <${More} pages=${pages}>
        ${pages.items.length ? `${number(pages.items.length)} in the order of dying${pages.next ? ", so far" : ""}` : " "}</${More}>`}</${Answer}>`;
}

// Whose dead letters: those of the queue, or of one subscription.
function Of({ known, query }) {
  const missing = query.subscription && !known.some(({ id }) => id === query.subscription);
  if (known.length === 0 && !missing) return null;
  return html`<label>Of
    <select value=${query.subscription || ""} onChange=${(event) => setQuery({ ...query, subscription: event.target.value })}>
      <option value="">the queue</option>
      ${missing && html`<option value=${query.subscription}>${query.subscription}</option>`}
      ${known.map(({ id, name, dead_letters: dead }) => html`<option key=${id} value=${id}>${name}${dead ? ` (${number(dead)})` : ""}</option>`)}
    </select></label>`;
}

// The reasons of what is loaded, the most frequent first: each is a filter.
function Reasons({ items, query }) {
  const counts = new Map();
  for (const { reason } of items) counts.set(reason, (counts.get(reason) || 0) + 1);
  const set = (reason) => setQuery({ ...query, reason: query.reason === reason ? undefined : reason });
  if (counts.size === 0) return null;
  return html`<div class="bar" role="group" aria-label="Reasons of the loaded dead letters">
    ${[...counts].sort(([, one], [, other]) => other - one).slice(0, 12).map(([reason, times]) => html`
      <button key=${reason} type="button" class="chip" aria-pressed=${query.reason === reason} onClick=${() => set(reason)}>
        ${reason} <b>${number(times)}</b></button>`)}
  </div>`;
}

function Letters({ topic, items, picked, pick, ofOne }) {
  const choice = may("redrive", topic);
  const every = items.every(({ id }) => picked.has(id));
  const turn = (id) => {
    const next = new Set(picked);
    if (!next.delete(id)) next.add(id);
    pick(next);
  };
  const box = (label, checked, change) => choice && html`<td>
    <label class="check"><input type="checkbox" aria-label=${label} checked=${checked} onChange=${change} /></label></td>`;
  const all = box("Select all that are loaded", every, () => pick(new Set(every ? [] : items.map(({ id }) => id))));
  const heads = [all, "message", "reason", [ofOne ? "attempts" : "receives", "number"], "died", ...LABELS, "content"];
  return html`<${Table} label="Dead letters" heads=${heads}>
    ${items.map((letter) => html`<tr key=${letter.id} data-row>
      ${box(`Select ${letter.id}`, picked.has(letter.id), () => turn(letter.id))}
      <td><${Id} id=${letter.id} href=${link(["topics", topic, "messages", letter.id])} /></td>
      <td class="reason">${letter.reason}</td>
      <td class="number">${letter.receives}</td>
      <td><${Time} at=${letter.died_at} /></td>
      <${Labels} message=${letter} />
      <td><${Preview} text=${letter.content} /></td>
    </tr>`)}</${Table}>`;
}

function NoDeadLetter({ filtered, next, subscription }) {
  if (filtered) return html`<${Empty} title=${next ? "Nothing matches on this page" : "No dead letter matches these filters"}>
    ${next && html`<p>The list goes on.</p>`}</${Empty}>`;
  return html`<${Empty} title="No dead letters">
    <p>${subscription
      ? "A message dies here when the endpoint refuses it until its attempts are exhausted."
      : "A message dies when a consumer rejects it, or when it was leased as often as the topic allows."}</p>
  </${Empty}>`;
}
