import { html, useMemo } from "./vendor.js";
import { Bulk } from "./bulk.js";
import { plural } from "./format.js";
import { call } from "./request.js";
import { absolute, now, timeMode, Time } from "./time.js";

const MANY = 1000; // to delete more of them, a person types the name of the topic

// Both act on the filter, never on the page: first a dry run counts, then the same filter is sent until it is complete. Its
// `until` is when the dialog was opened, so that nothing is hit that died later.
function useFixed(filter) {
  return useMemo(() => {
    const opened = new Date(now()).toISOString();
    return { ...filter, until: Date.parse(filter.until) < Date.parse(opened) ? filter.until : opened };
  }, []);
}

export function BulkRedrive({ topic, filter, name, after, close }) {
  const body = useFixed(filter);
  const send = (more) => call("redrive", { path: { topic }, body: { ...body, ...more } });
  return html`<${Bulk} title=${`Redrive dead letters of ${topic}`} action="Redrive" operation="redrive" request=${{ path: { topic }, body }}
    tally=${async () => counted(await send({ dry_run: true }))}
    step=${async () => moved(await send(), "redriven")}
    done=${(all) => `${plural(all, "dead letter")} redriven`} empty="Nothing matches." after=${after} close=${close}>
    <${Selection} filter=${body} of=${name} />
    <p>${filter.subscription
      ? "They are sent to this subscription again, with all attempts."
      : "They return to the queue with their ids, to be received again."}</p>
  </${Bulk}>`;
}

export function BulkDelete({ topic, filter, name, after, close }) {
  const query = useFixed(filter);
  const send = (more) => call("deleteDeadLetters", { path: { topic }, query: { ...query, ...more } });
  return html`<${Bulk} title=${`Delete dead letters of ${topic}`} action="Delete" danger operation="deleteDeadLetters" request=${{ path: { topic }, query }}
    tally=${async () => counted(await send({ dry_run: true }))}
    step=${async () => moved(await send(), "deleted")}
    typed=${(count) => (count > MANY ? topic : null)}
    done=${(all) => `${plural(all, "dead letter")} deleted`} empty="Nothing matches." after=${after} close=${close}>
    <${Selection} filter=${query} of=${name} />
    <p>${filter.subscription
      ? "They are not sent to this subscription any more. Other subscriptions still get them."
      : "They are deleted with their content. Nothing brings them back."}</p>
  </${Bulk}>`;
}

const counted = ({ matched, complete }) => ({ count: matched, exact: complete });
const moved = (answer, name) => ({ moved: answer[name], complete: answer.complete });

// What is selected, in words. `of`: the name of the subscription, if it is known.
function Selection({ filter, of }) {
  const { until, ...rest } = filter;
  return html`<dl class="selection">
    ${Object.entries(rest).map(([name, value]) => html`<div key=${name}>
      <dt>${name}</dt><dd>${name === "since" ? html`<${Time} at=${value} />` : (name === "subscription" && of) || value}</dd></div>`)}
    <div><dt>died before</dt><dd>${absolute(until, timeMode.get())}</dd></div>
  </dl>`;
}
