import { html, useState } from "./vendor.js";
import { Ask, show } from "./dialog.js";
import { Field, readLines } from "./fields.js";
import { refresh } from "./live.js";
import { Secret } from "./secret.js";

const EMPTY = { url: "", name: "", batch_size: "", rate_per_second: "", retry_schedule: "", backlog_days: "", headers: "", ordered: false };

// Subscribe a webhook. What is left empty takes the broker's default.
export function Subscribe({ topic, close }) {
  const [draft, setDraft] = useState(EMPTY);
  const set = (name) => (value) => setDraft({ ...draft, [name]: value });
  const headers = readLines(draft.headers, ":");
  const schedule = readSchedule(draft.retry_schedule);
  const field = (name, label, note, rest) => html`<${Field} label=${label} note=${note} value=${draft[name]} set=${set(name)} ...${rest} />`;
  const whole = (name) => (draft[name] === "" ? undefined : Number(draft[name]));
  const request = () => {
    if (!/^https?:\/\/./.test(draft.url) || headers.fault || schedule.fault) return null;
    const body = {
      url: draft.url.trim(),
      name: draft.name.trim() || undefined,
      batch_size: whole("batch_size"),
      rate_per_second: whole("rate_per_second"),
      backlog_days: whole("backlog_days"),
      retry_schedule: schedule.values,
      ordered: draft.ordered || undefined,
      headers: headers.values,
    };
    return { path: { topic }, body };
  };
  const after = ({ secret }) => {
    refresh();
    if (secret) show(Secret, { title: `Subscribed to ${topic}`, secret, children: "It signs the webhooks: the receiver needs it to verify them." });
  };
  return html`<${Ask} title=${`Subscribe to ${topic}`} operation="subscribe" request=${request} action="Subscribe"
    done=${({ secret }) => (secret ? "Subscribed" : "This subscription exists already, with these settings")} after=${after} close=${close}>
    ${field("url", "URL", "The broker sends the messages of each broadcast to it, from the next one on.", { type: "url", required: true, placeholder: "https://example.com/webhook", maxlength: "2048" })}
    ${field("name", "Name", "Unique in the topic. By default the URL.", { maxlength: "2048" })}
    <details class="further">
      <summary>More settings</summary>
      <div class="fields">
        ${field("batch_size", "Batch size", "Messages in one webhook. Default 100.", { type: "number", min: 1, max: 1000 })}
        ${field("rate_per_second", "Rate per second", "Requests at most. Default: no limit.", { type: "number", min: 1, max: 1000 })}
        ${field("backlog_days", "Backlog days", "Kept while paused or disabled. Default 30.", { type: "number", min: 1, max: 365 })}
      </div>
      ${field("retry_schedule", "Retry schedule", "Seconds between attempts, with commas. Default: 5 s, 5 and 30 min, 2, 5, 10, 14, 20 and 24 h.", { placeholder: "5, 300, 1800", fault: schedule.fault })}
      <${Field} area label="Headers" note="A line each, sent with each webhook. Name: value" value=${draft.headers} set=${set("headers")} fault=${headers.fault} rows="2" class="low" />
      <label class="check"><input type="checkbox" checked=${draft.ordered} onChange=${(event) => set("ordered")(event.target.checked)} />Ordered: a refused message blocks those after it</label>
    </details>
  </${Ask}>`;
}

function readSchedule(text) {
  if (!text.trim()) return { values: undefined, fault: null };
  const values = text.split(",").map((part) => Number(part.trim() || Number.NaN));
  return { values, fault: values.every((value) => Number.isInteger(value) && value > 0) ? null : "Write whole seconds, with commas between them." };
}
