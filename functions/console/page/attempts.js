import { html, useRef, useState } from "./vendor.js";
import { Preview } from "./content.js";
import { milliseconds, number, plural } from "./format.js";
import { Icon, State } from "./icons.js";
import { useAnswer } from "./live.js";
import { announce } from "./outcomes.js";
import { Answer, Empty } from "./parts.js";
import { call } from "./request.js";
import { link } from "./router.js";
import { may } from "./session.js";
import { Time } from "./time.js";

const LIMIT = 25;

export const succeeded = ({ status, reason }) => status >= 200 && status < 300 && !reason;

// What came of an attempt: the HTTP status, and what was wrong.
export function Outcome({ attempt }) {
  const { status, reason } = attempt;
  return html`<${State} of=${succeeded(attempt) ? "delivered" : "failed"} word=${status ? `${status}` : "no response"} />
    ${reason ? html` <span>${reason}</span>` : null}`;
}

// The attempts of a subscription, the newest first. `seq`: only those at the message there. The newest page is live; older
// ones stay below it when they were asked for.
export function Attempts({ topic, subscription, seq, failed, heading = null }) {
  const request = { path: { topic, id: subscription }, query: { limit: LIMIT, seq, failed: failed || undefined } };
  const answer = useAnswer("listAttempts", request);
  const known = useRef(new Map());
  const [next, setNext] = useState(undefined); // undefined: only the newest page was read
  const more = async (after) => {
    try {
      const page = await call("listAttempts", { ...request, query: { ...request.query, after } });
      for (const item of page.items) known.current.set(item.id, item);
      setNext(page.next);
    } catch (error) {
      announce(`The older attempts could not be read: ${error.message}`);
    }
  };
  return html`${heading}<${Answer} answer=${answer} rows=${4}>${(data) => {
    for (const item of data.items) known.current.set(item.id, item);
    const items = next === undefined ? data.items : [...known.current.values()].sort((one, other) => other.id - one.id);
    const after = next === undefined ? data.next : next;
    if (items.length === 0) return html`<${Empty} title=${failed ? "No attempt failed." : "No attempt yet."}>
      <p class="muted">${failed ? "What was sent is under “all”." : "The first one comes with the next broadcast. Attempts are kept for a while, then removed."}</p></${Empty}>`;
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Attempts"><table class="attempts">
        <thead><tr><th scope="col">outcome</th><th scope="col">started</th><th scope="col" class="number">took</th>
          <th scope="col" class="number">try</th><th scope="col">messages</th><th scope="col">answer</th></tr></thead>
        <tbody>${items.map((item) => html`<${Attempt} key=${item.id} attempt=${item} topic=${topic} />`)}</tbody>
      </table></div>
      ${after ? html`<div class="more"><button type="button" onClick=${() => more(after)}>More</button><span class="muted">${plural(items.length, "attempt")} shown</span></div>` : null}`;
  }}</${Answer}>`;
}

function Attempt({ attempt, topic }) {
  const [open, setOpen] = useState(false);
  const { webhook_id: webhook, first_seq: first, last_seq: last } = attempt;
  const message = webhook.split("_")[2];
  const seqs = first === last ? number(first) : `${number(first)} – ${number(last)}`;
  return html`<tr data-row>
      <td class="tight"><${Outcome} attempt=${attempt} /></td>
      <td class="tight"><${Time} at=${attempt.started_at} /></td>
      <td class="number tight">${milliseconds(attempt.duration_ms)}</td>
      <td class="number tight">${attempt.attempt}</td>
      <td class="tight">${may("traceMessage", topic) && message?.length === 36 ? html`<a href=${link(["topics", topic, "messages", message])} title=${`the first of them: ${message}`}>${seqs}</a>` : seqs}</td>
      <td><div class="answer"><button type="button" class="quiet" aria-expanded=${open} aria-label=${`${open ? "close" : "open"} the answer`} onClick=${() => setOpen(!open)}><${Icon} name=${open ? "down" : "right"} />${open ? "close" : "open"}</button>
        ${attempt.answer && !open ? html`<${Preview} text=${attempt.answer} />` : null}</div></td>
    </tr>
    ${open ? html`<tr class="opened"><td colspan="6"><${Response} attempt=${attempt} topic=${topic} /></td></tr>` : null}`;
}

function Response({ attempt, topic }) {
  const hidden = !may("deleteDeadLetters", topic); // answers are for the scope `manage`
  return html`<p class="muted">webhook-id <code>${attempt.webhook_id}</code></p>
    ${attempt.answer ? html`<pre>${attempt.answer}</pre>` : html`<p>${hidden ? "The answer is hidden: reading it takes the scope manage." : "The answer had no body."}</p>`}`;
}
