import { html } from "./vendor.js";
import { Ask, show } from "./dialog.js";
import { Field } from "./fields.js";
import { refresh } from "./live.js";
import { Secret } from "./secret.js";
import { SubscriptionFields, useSettings, written } from "./subscription-fields.js";

const EMPTY = written({});
const BY_DEFAULT = {
  batch_size: "Default 100.",
  rate_per_second: "Default: no limit.",
  backlog_days: "Default 30.",
  retry_schedule: "Default: 5 s, 5 and 30 min, 2, 5, 10, 14, 20 and 24 h.",
};

// Subscribe a webhook. What is left empty takes the broker's default.
export function Subscribe({ topic, close }) {
  const { fields, set, body } = useSettings(EMPTY);
  const after = ({ secret }) => {
    refresh();
    const children = "It signs the webhooks: the receiver needs it to verify them.";
    if (secret) show(Secret, { title: `Subscribed to ${topic}`, secret, children });
  };
  return html`<${Ask} title=${`Subscribe to ${topic}`} operation="subscribe" action="Subscribe" after=${after} close=${close}
    request=${() => (body && /^\s*https?:\/\/./.test(fields.url) ? { path: { topic }, body } : null)}
    done=${({ secret }) => (secret ? "Subscribed" : "This subscription exists already, with these settings")}>
    <${Field} label="URL" type="url" required maxlength="2048" placeholder="https://example.com/webhook" value=${fields.url} set=${set("url")}
      note="The broker sends the messages of each broadcast to it, from the next one on." />
    <${Field} label="Name" maxlength="2048" value=${fields.name} set=${set("name")} note="Unique in the topic. By default the URL." />
    <details class="further">
      <summary>More settings</summary>
      <${SubscriptionFields} fields=${fields} set=${set} empty=${BY_DEFAULT} />
    </details>
  </${Ask}>`;
}
