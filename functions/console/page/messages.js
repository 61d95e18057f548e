import { html } from "./vendor.js";
import { Cancel } from "./cancel.js";
import { Preview } from "./content.js";
import { show } from "./dialog.js";
import { Filters, filterOf } from "./filters.js";
import { number } from "./format.js";
import { State } from "./icons.js";
import { More, usePages } from "./pages.js";
import { Answer, Curl, Do, Empty, Id } from "./parts.js";
import { link } from "./router.js";
import { Table } from "./table.js";
import { now, Time, useTick } from "./time.js";

const QUEUE_FILTERS = ["sender", "key", "since", "until"];

// The columns of what a publisher wrote on a message.
export const LABELS = [["key", "label"], ["sender", "label"]];
export const Labels = ({ message }) => html`<td class="label" title=${message.key}>${message.key ?? "–"}</td>
  <td class="label" title=${message.sender}>${message.sender}</td>`;

const MESSAGE_HEADS = ["message", "state", ["receives", "number"], ...LABELS, "created", "content", html`<td></td>`];

// What waits in the queue, in the order of taking.
export function Messages({ topic, query }) {
  const filter = filterOf(QUEUE_FILTERS, query);
  const pages = usePages("browseMessages", { path: { topic }, query: filter, content: "items" });
  return html`<${Filters} names=${QUEUE_FILTERS} query=${query} />
    <${Answer} answer=${pages.answer}>${() => (pages.items.length ? html`
      <${Table} label="Messages that wait" heads=${MESSAGE_HEADS}>
        ${pages.items.map((message) => html`<${MessageRow} key=${message.id} topic=${topic} message=${message} done=${pages.refresh} />`)}</${Table}>
      <${More} pages=${pages}>${`${number(pages.items.length)} in the order of taking${pages.next ? ", so far" : ""}`}</${More}>`
      : html`<${NoMessage} topic=${topic} filtered=${Object.keys(filter).length > 0} pages=${pages} />`)}</${Answer}>`;
}

function NoMessage({ topic, filtered, pages }) {
  if (pages.next) return html`<${Empty} title="Nothing matches on this page"><p>The list goes on.</p></${Empty}>
    <${More} pages=${pages} label="Look further" />`;
  if (filtered) return html`<${Empty} title="No message that waits matches these filters">
    <p>What was consumed or broadcast is in the history.</p></${Empty}>`;
  return html`<${Empty} title="No message waits">
    <p>A message waits here from its publish until a consumer takes it, or a broadcast moves it to the log.</p>
    <${Curl} operation="publish" path=${{ topic }} body=${{ content: { id: 1 } }} open />
  </${Empty}>`;
}

function MessageRow({ topic, message, done }) {
  return html`<tr data-row>
    <td><${Id} id=${message.id} href=${link(["topics", topic, "messages", message.id])} /></td>
    <td class="tight"><${Waiting} message=${message} /></td>
    <td class="number">${message.receives}</td>
    <${Labels} message=${message} />
    <td><${Time} at=${message.created_at} /></td>
    <td><${Preview} text=${message.content} /></td>
    <td><${Do} operation="cancelMessage" topic=${topic} quiet disabled=${message.leased_at !== null && isHidden(message)}
      onClick=${() => show(Cancel, { topic, message, after: done })}>Cancel…</${Do}></td>
  </tr>`;
}

// Whether a lease or a delay hides the message now. A new message is ready at once, whatever the clocks say.
const isHidden = ({ created_at: created, ready_at: ready }) => ready !== created && Date.parse(ready) > now();

// A lease or a delay ends between two answers too.
function Waiting({ message }) {
  const waits = isHidden(message);
  useTick(waits);
  if (!waits) return html`<${State} of="waiting" word="ready" />`;
  const leased = message.leased_at !== null;
  return html`<${State} of=${leased ? "leased" : "due"} word=${leased ? "leased" : "delayed"} />
    <br /><small>${leased ? "ends" : "ready"} <${Time} due at=${message.ready_at} /></small>`;
}
