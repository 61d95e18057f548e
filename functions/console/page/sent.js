import { html } from "./vendor.js";
import { Outcome } from "./attempts.js";
import { Dialog, show } from "./dialog.js";
import { milliseconds } from "./format.js";
import { useAnswer } from "./live.js";
import { announce } from "./outcomes.js";
import { Answer } from "./parts.js";
import { may } from "./session.js";
import { now } from "./time.js";

const DOUBT = 2000; // milliseconds: what is not known of the broker's clock

// Show what comes of one request to a subscription, as soon as it is known.
export function showSent(subscription, webhookId) {
  if (may("listAttempts", subscription.topic)) show(Sent, { ...subscription, webhookId, since: now() - DOUBT });
  else announce(`It is sent to ${subscription.name}`);
}

function Sent({ topic, id, name, webhookId, since, close }) {
  const answer = useAnswer("listAttempts", { path: { topic, id }, query: { limit: 20 } });
  return html`<${Dialog} title=${`Sent to ${name}`} leave="Close" close=${close}>
    <${Answer} answer=${answer} rows=${2}>${({ items }) => {
      const attempt = items.find((item) => item.webhook_id === webhookId && Date.parse(item.started_at) >= since);
      if (!attempt) return html`<p role="status">Waiting for the answer of the endpoint…</p>`;
      return html`<p role="status"><${Outcome} attempt=${attempt} /> <span class="muted">after ${milliseconds(attempt.duration_ms)}</span></p>
        ${attempt.answer && html`<pre class="answer">${attempt.answer}</pre>`}`;
    }}</${Answer}>
    <p class="muted">webhook-id <code>${webhookId}</code></p>
  </${Dialog}>`;
}
