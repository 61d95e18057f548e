import { html, useRef, useState } from "./vendor.js";
import { number } from "./format.js";
import { useAnswer } from "./live.js";
import { Failure, Loading } from "./parts.js";
import { Plot } from "./plots.js";
import { may } from "./session.js";
import { remembered, useStore } from "./store.js";
import { now } from "./time.js";

// [words, seconds of a step, steps, words of a step]
const SPANS = [
  ["1 hour", 60, 60, "a minute"],
  ["6 hours", 300, 72, "in 5 minutes"],
  ["1 day", 1800, 48, "in half an hour"],
  ["7 days", 10800, 56, "in 3 hours"],
];
const LINES = ["published", "died", "broadcast"]; // the second is drawn as trouble

const unfolded = remembered("the past", innerWidth > 720);

// What happened in each step of a time, to the last full minute: counted once a minute, while the page is live.
export function Past({ topic }) {
  const [span, setSpan] = useState(0);
  const [, seconds, steps, words] = SPANS[span];
  const open = useStore(unfolded);
  const before = useRef(null);
  const end = Math.floor(now() / 60_000) * 60_000;
  const query = { since: new Date(end - seconds * steps * 1000).toISOString(), until: new Date(end).toISOString(), step_seconds: seconds };
  const known = may("listRates", topic);
  const { data, error, refresh } = useAnswer("listRates", { path: { topic }, query }, { once: true, skip: !open || !known });
  if (data) before.current = { data, seconds };
  if (!known) return null;
  const drawn = before.current?.seconds === seconds ? before.current.data : null;
  return html`<details class="card past" open=${open} onToggle=${(event) => unfolded.set(event.currentTarget.open)}>
    <summary>Messages ${words}</summary>
    <select class="span" aria-label="The time that is shown" value=${span} onChange=${(event) => setSpan(Number(event.target.value))}>
      ${SPANS.map(([time], index) => html`<option key=${time} value=${index}>${time}</option>`)}</select>
    <${Failure} error=${error} retry=${refresh} />
    ${drawn ? html`<${Plot} title=${`Messages ${words}`} format=${number} lines=${lines(drawn)}
      note=${drawn.exact ? null : "The older steps are estimated from a sample: the shape is right, a figure is not exact."} />`
      : html`<div class="unplotted"><${Loading} /></div>`}
  </details>`;
}

const lines = ({ steps }) => LINES.map((name) => ({ name, points: steps.map((step) => [Date.parse(step.at), step[name]]) }));
