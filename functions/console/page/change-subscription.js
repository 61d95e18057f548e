import { html, useState } from "./vendor.js";
import { Ask } from "./dialog.js";

// The settings as text, as the form shows them.
const written = (subscription) => ({
  name: subscription.name,
  url: subscription.url,
  batch_size: String(subscription.batch_size),
  rate_per_second: String(subscription.rate_per_second ?? ""),
  backlog_days: String(subscription.backlog_days),
  retry_schedule: subscription.retry_schedule?.join(", ") ?? "",
  headers: Object.entries(subscription.headers).map(([name, value]) => `${name}: ${value ?? ""}`).join("\n"),
  ordered: subscription.ordered,
});

// What the text of a field is to the API. What it cannot read is sent as it is: the broker says what is wrong.
const READERS = {
  batch_size: integer,
  backlog_days: integer,
  rate_per_second: (text) => (text.trim() === "" ? null : integer(text)),
  retry_schedule: (text) => (text.trim() === "" ? null : text.split(/[\s,]+/).filter(Boolean).map(integer)),
  headers: (text) => Object.fromEntries(text.split("\n").filter((line) => line.trim()).map((line) => line.split(/:(.*)/s).slice(0, 2).map((part) => (part ?? "").trim()))),
};

function integer(text) {
  return /^\s*\d+\s*$/.test(text) ? Number(text) : text;
}

export function Change({ subscription, refresh, close }) {
  const [before] = useState(() => written(subscription));
  const [fields, setFields] = useState(before);
  const set = (name) => (event) => setFields({ ...fields, [name]: event.target.type === "checkbox" ? event.target.checked : event.target.value });
  const changed = Object.keys(fields).filter((name) => fields[name] !== before[name]);
  const body = Object.fromEntries(changed.map((name) => [name, (READERS[name] || String)(fields[name])]));
  if (changed.includes("ordered")) body.ordered = fields.ordered;
  const { topic, id, name } = subscription;
  const input = (field, label, note, more = {}) => html`<label>${label}<input value=${fields[field]} onInput=${set(field)} autocomplete="off" spellcheck=${false} ...${more} />
    ${note ? html`<small>${note}</small>` : null}</label>`;
  return html`<${Ask} title=${`Change ${name}`} operation="changeSubscription" action="Change" close=${close} after=${refresh}
    request=${() => (changed.length ? { path: { topic, id }, body } : null)} done=${(answer) => `${answer.name} is changed`}>
    ${input("url", "URL", "With a new URL it is due at once, and has all its attempts again.", { type: "url" })}
    ${input("name", "Name")}
    <div class="fields">
      ${input("batch_size", "Batch size", "Messages in one webhook.", { inputmode: "numeric" })}
      ${input("rate_per_second", "Rate per second", "Requests at most. Empty: no limit.", { inputmode: "numeric" })}
      ${input("backlog_days", "Backlog days", "Kept while paused or disabled.", { inputmode: "numeric" })}
    </div>
    ${input("retry_schedule", "Retry schedule", "Seconds between attempts, with commas. Empty: the broker's own.")}
    <label>Headers<textarea class="short" value=${fields.headers} onInput=${set("headers")} spellcheck=${false}></textarea><small>A line each, sent with each webhook. Name: value</small></label>
    <label class="check"><input type="checkbox" checked=${fields.ordered} onChange=${set("ordered")} />Ordered: a refused message blocks those after it</label>
  </${Ask}>`;
}
