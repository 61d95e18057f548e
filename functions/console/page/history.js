import { html } from "./vendor.js";
import { Preview } from "./content.js";
import { Filters, filterOf } from "./filters.js";
import { number } from "./format.js";
import { State } from "./icons.js";
import { LABELS, Labels } from "./messages.js";
import { More, usePages } from "./pages.js";
import { Answer, Curl, Empty, Id } from "./parts.js";
import { link } from "./router.js";
import { Table } from "./table.js";
import { Time } from "./time.js";

const HISTORY_FILTERS = ["sender", "key"];
const HISTORY_HEADS = ["message", "state", ...LABELS, "created", "content"];
const ENOUGH = 20; // items: with fewer, say how far the broker looked

// What was published, newest first, whatever became of it.
export function History({ topic, query }) {
  const filter = filterOf(HISTORY_FILTERS, query);
  const pages = usePages("listHistory", { path: { topic }, query: filter, content: "items" });
  const { items, next } = pages;
  const looked = next ? html`looked back to <${Time} at=${timeIn(next)} />` : "as far back as the broker keeps messages";
  const few = next && items.length < ENOUGH;
  return html`<${Filters} names=${HISTORY_FILTERS} query=${query} />
    <${Answer} answer=${pages.answer}>${() => html`
      ${items.length ? html`<${Table} label="History" heads=${HISTORY_HEADS}>
        ${items.map((message) => html`<tr key=${message.id} data-row>
          <td><${Id} id=${message.id} href=${link(["topics", topic, "messages", message.id])} /></td>
          <td class="reason"><${Fate} message=${message} /></td>
          <${Labels} message=${message} />
          <td><${Time} at=${message.created_at} /></td>
          <td><${Preview} text=${message.content} /></td>
        </tr>`)}</${Table}>` : html`<${NoHistory} topic=${topic} filtered=${Object.keys(filter).length > 0} next=${next} />`}
      <${More} pages=${pages} label=${few ? "Look further" : "More"}>
        ${items.length ? `${number(items.length)} newest first, ` : ""}${looked}</${More}>`}</${Answer}>`;
}

function NoHistory({ topic, filtered, next }) {
  if (next || filtered) return html`<${Empty} title=${filtered ? "No message matches these filters" : "No message yet among the newest of the broker"}>
    ${next && html`<p>The broker reads 10,000 messages of all topics at a time: look further to read the ones before.</p>`}</${Empty}>`;
  return html`<${Empty} title="Nothing was published">
    <${Curl} operation="publish" path=${{ topic }} body=${{ content: { id: 1 } }} open /></${Empty}>`;
}

function Fate({ message }) {
  const note = message.reason ?? (message.seq === null ? null : `seq ${number(message.seq)}`);
  return html`<${State} of=${message.state} />${note && html` <small>${note}</small>`}`;
}

// The time in a UUIDv7 (RFC 9562): its first 48 bits are milliseconds.
const timeIn = (id) => new Date(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toISOString();
