import { html, useState } from "./vendor.js";
import { Preview } from "./content.js";
import { milliseconds, number } from "./format.js";
import { State } from "./icons.js";
import { More, usePages } from "./pages.js";
import { Answer, Empty } from "./parts.js";
import { link } from "./router.js";
import { may, session } from "./session.js";
import { Opener, Table } from "./table.js";
import { Time } from "./time.js";

const ATTEMPTS = 25;
const ATTEMPT_HEADS = ["outcome", "started", ["took", "number"], ["try", "number"], "messages", "answer"];

export const succeeded = ({ status, reason }) => status >= 200 && status < 300 && !reason;

// What came of an attempt: the HTTP status, and what was wrong.
export function Outcome({ attempt }) {
  const { status, reason } = attempt;
  return html`<${State} of=${succeeded(attempt) ? "delivered" : "failed"} word=${status ? `${status}` : "no response"} />
    ${reason && html` ${reason}`}`;
}

// The attempts of a subscription, the newest first. `seq`: only those at the message there.
export function Attempts({ topic, subscription, seq, failed }) {
  const query = { limit: ATTEMPTS, seq, failed: failed || undefined };
  const pages = usePages("listAttempts", { path: { topic, id: subscription }, query });
  return html`<${Answer} answer=${pages.answer} rows=${4}>${() =>
    pages.items.length === 0
      ? html`<${Empty} title=${failed ? "No attempt failed" : "No attempt yet"}>
          <p class="muted">${failed
            ? "What was sent is under “all”."
            : "The first one comes with the next broadcast. Attempts are kept for a while, then removed."}</p></${Empty}>`
      : html`<${Table} label="Attempts" heads=${ATTEMPT_HEADS}>
          ${pages.items.map((item) => html`<${Attempt} key=${item.id} attempt=${item} topic=${topic} />`)}</${Table}>
        ${(pages.next || pages.kept) && html`<${More} pages=${pages} />`}`}</${Answer}>`;
}

function Attempt({ attempt, topic }) {
  const [open, setOpen] = useState(false);
  const { webhook_id: webhook, first_seq: first, last_seq: last } = attempt;
  const [, , message, kind] = webhook.split("_");
  const seqs = kind === "test" ? "a test" : first === last ? number(first) : `${number(first)} – ${number(last)}`;
  return html`<tr data-row>
      <td class="tight"><${Outcome} attempt=${attempt} /></td>
      <td class="tight"><${Time} at=${attempt.started_at} /></td>
      <td class="number tight">${milliseconds(attempt.duration_ms)}</td>
      <td class="number tight">${attempt.attempt}</td>
      <td class="tight">${may("traceMessage", topic) && message?.length === 36 && kind !== "test"
        ? html`<a href=${link(["topics", topic, "messages", message])} title=${`the first of them: ${message}`}>${seqs}</a>`
        : seqs}</td>
      <td><div class="answer"><${Opener} open=${open} set=${setOpen} what="the answer" />
        ${attempt.answer && !open && html`<${Preview} text=${attempt.answer} />`}</div></td>
    </tr>
    ${open && html`<tr class="opened"><td colspan="6"><${AnswerOf} attempt=${attempt} /></td></tr>`}`;
}

function AnswerOf({ attempt }) {
  const hidden = !session.get().self.scopes.includes("manage");
  return html`<p class="muted">webhook-id <code>${attempt.webhook_id}</code></p>
    ${attempt.answer
      ? html`<pre>${attempt.answer}</pre>`
      : html`<p>${hidden ? "The answer is hidden: reading it takes the scope manage." : "The answer had no body."}</p>`}`;
}
