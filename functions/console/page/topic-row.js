import { html } from "./vendor.js";
import { succeeded } from "./attempts.js";
import { count, milliseconds, number, rate } from "./format.js";
import { State, stateOf } from "./icons.js";
import { waiting } from "./recent-rates.js";
import { link } from "./router.js";
import { Turn } from "./subscription-actions.js";
import { Time, now } from "./time.js";

const MENDED = { disabled: "enable", paused: "resume" }; // what brings a subscription back
const SHOWN = 5; // subscriptions of a topic
const PARTS = [
  ["ready", "ready"],
  ["leased", "leased"],
  ["delayed", "delayed"],
  ["dead_letters", "dead"],
];

export const depth = (item) => waiting(item) + item.dead_letters.count;

// A topic of the overview, and beside it its subscriptions. `deepest`: the largest depth in the list, which scales the bars.
export function TopicRow({ item, consumed, deepest, refresh }) {
  return html`<li class="card topic" data-row>
    <div>
      <div class="name"><h3><a href=${link(["topics", item.topic])}>${item.topic}</a></h3>
        <span class="chip" title="When the topic broadcasts">${item.broadcast}</span>
        <span class="rates"><b>${rate(item.published_per_second)}</b> published${" · "}
          <b title=${consumed === null ? CONSUMED_UNKNOWN : undefined}>${rate(consumed)}</b> consumed</span></div>
      <${Depth} item=${item} deepest=${deepest} />
      <ul class="counts">
        ${PARTS.map(([member, word]) => html`<li key=${word} class=${item[member].count > 0 ? word : `${word} muted`}>
          <i></i>${count(item[member])} ${word}</li>`)}
        ${item.oldest_ready_at && html`<li class="oldest">oldest <${Time} at=${item.oldest_ready_at} /></li>`}
      </ul>
    </div>
    <${Subscribed} item=${item} refresh=${refresh} />
  </li>`;
}

const CONSUMED_UNKNOWN = "Not known: it is what was published less what waits, and needs exact counts over the window of the rates";

// The square root, so that small depths are seen beside large ones. The numbers are below it.
function Depth({ item, deepest }) {
  const all = depth(item);
  return html`<div class="depth" aria-hidden="true"><div style=${{ width: `${100 * Math.sqrt(all / Math.max(1, deepest))}%` }}>
    ${PARTS.filter(([member]) => item[member].count > 0).map(([member, word]) => html`<i key=${word} class=${word}
      style=${{ flexGrow: item[member].count }}></i>`)}
  </div></div>`;
}

function Subscribed({ item, refresh }) {
  const { topic, subscriptions: all } = item;
  const total = item.subscriptions_total.count;
  if (all.length === 0) return html`<p class="muted subscribed">no subscriptions</p>`;
  const shown = all.slice(0, all.length === SHOWN + 1 ? all.length : SHOWN);
  const hidden = total - shown.length;
  const troubled = all.slice(shown.length).filter((each) => each.state !== "active").length;
  return html`<ul class="subscribed">
    ${shown.map((each) => html`<li key=${each.id}>
      <a href=${link(["topics", topic, "subscriptions", each.id])} title=${each.name}><${State} of=${stateOf(each)} word=${each.name} /></a>
      <span class=${each.attempts_per_second > 0 ? "number" : "number muted"} title="Attempts per second">${rate(each.attempts_per_second)}</span>
      <span class=${each.behind > 0 ? "number" : "number muted"}>${number(each.behind)}<span class="word"> behind</span></span>
      <span class="why"><${Why} of=${each} />
        ${MENDED[each.state] && html`<${Turn} kind=${MENDED[each.state]} topic=${topic} subscription=${each} refresh=${refresh} named />`}</span>
    </li>`)}
    ${hidden > 0 && html`<li class="rest"><a href=${link(["topics", topic, "subscriptions"])}>
      ${number(hidden)} more${troubled ? `, ${troubled} of them not active` : ""}</a></li>`}
  </ul>`;
}

// Why it is as it is, in words: "503, try 3 in 2 min".
function Why({ of }) {
  const { state, failures, due_at: due, paused_at: paused, disabled_reason: reason, last_attempt: last, behind, p95_ms: p95 } = of;
  const outcome = last && (last.status ? `${last.status}` : last.reason || "no response");
  if (state === "disabled") return html`<span>disabled: ${reason || "no reason"}</span>`;
  if (state === "paused") return html`<span>paused <${Time} at=${paused} /></span>`;
  if (state === "waiting") {
    const next = due && Date.parse(due) > now() ? html`<${Time} at=${due} due />` : "is due";
    return html`<span>${outcome ? `${outcome}, ` : ""}${failures > 0 ? `try ${number(failures + 1)} ` : "the next try "}${next}</span>`;
  }
  if (!last) return html`<span>${behind > 0 ? "not tried yet" : "nothing sent yet"}</span>`;
  const delivered = succeeded(last);
  if (of.attempts_per_second > 0) return html`<span class=${delivered ? "" : "state warn"}>
    ${delivered ? "delivering" : outcome}${p95 === null ? "" : `, p95 ${milliseconds(p95)}`}</span>`;
  return html`<span class=${delivered ? "" : "state warn"}>${delivered ? "delivered" : outcome} <${Time} at=${last.started_at} /></span>`;
}
