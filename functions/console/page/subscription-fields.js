import { html, useState } from "./vendor.js";
import { Field, readLines } from "./fields.js";

// The settings as text, as the form shows them.
export const written = (subscription) => ({
  url: subscription.url ?? "",
  name: subscription.name ?? "",
  batch_size: String(subscription.batch_size ?? ""),
  rate_per_second: String(subscription.rate_per_second ?? ""),
  backlog_days: String(subscription.backlog_days ?? ""),
  retry_schedule: subscription.retry_schedule?.join(", ") ?? "",
  headers: Object.entries(subscription.headers ?? {}).map(([name, value]) => `${name}: ${value ?? ""}`).join("\n"),
  ordered: subscription.ordered ?? false,
});

// What a whole number is to the API. What is none is sent as it is: the broker says what is wrong.
const integer = (text) => (/^\s*\d+\s*$/.test(text) ? Number(text) : text);

const READERS = {
  url: (text) => text.trim(),
  name: (text) => text.trim(),
  batch_size: integer,
  backlog_days: integer,
  rate_per_second: (text) => (text.trim() === "" ? null : integer(text)),
  retry_schedule: (text) => (text.trim() === "" ? null : text.split(/[\s,]+/).filter(Boolean).map(integer)),
  headers: (text) => readLines(text, ":").values || {},
};

// Return the text of the fields, how to set one, and what differs from the text that was there, as the API takes it: null while
// a field cannot be read.
export function useSettings(before) {
  const [fields, setFields] = useState(before);
  const changed = Object.entries(fields).filter(([name, value]) => value !== before[name]);
  const body = Object.fromEntries(changed.map(([name, value]) => [name, READERS[name] ? READERS[name](value) : value]));
  const set = (name) => (value) => setFields({ ...fields, [name]: value });
  return { fields, set, body: readLines(fields.headers, ":").fault ? null : body };
}

// `empty`: what a field means that is left empty.
export function SubscriptionFields({ fields, set, empty }) {
  const field = (name, label, note, rest) => html`<${Field} label=${label} note=${`${note} ${empty[name] ?? ""}`} value=${fields[name]}
    set=${set(name)} ...${rest} />`;
  return html`
    <div class="fields">
      ${field("batch_size", "Batch size", "Messages in one webhook.", { inputmode: "numeric" })}
      ${field("rate_per_second", "Rate per second", "Requests at most.", { inputmode: "numeric" })}
      ${field("backlog_days", "Backlog days", "Kept while paused or disabled.", { inputmode: "numeric" })}
    </div>
    ${field("retry_schedule", "Retry schedule", "Seconds between attempts, with commas.", { placeholder: "5, 300, 1800" })}
    ${field("headers", "Headers", "A line each, sent with each webhook. Name: value", {
      area: true, rows: "2", class: "low", fault: readLines(fields.headers, ":").fault,
    })}
    <label class="check"><input type="checkbox" checked=${fields.ordered} onChange=${(event) => set("ordered")(event.target.checked)} />
      Ordered: a refused message blocks those after it</label>`;
}
