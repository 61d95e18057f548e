import { html, useRef, useState } from "./vendor.js";
import { duration, number } from "./format.js";
import { useAnswer } from "./live.js";
import { Failure, Loading } from "./parts.js";
import { Plot } from "./plots.js";
import { may } from "./session.js";
import { remembered, useStore } from "./store.js";
import { now } from "./time.js";

// [words, seconds of a step, steps]
const SPANS = [
  ["1 hour", 60, 60],
  ["6 hours", 300, 72],
  ["1 day", 1800, 48],
  ["7 days", 10800, 56],
];
const LINES = ["published", "died", "broadcast"]; // the second is drawn as trouble

const shown = remembered("the past", true);

// What happened in each step of a time, to the last full minute: counted once a minute, while the page is live.
export function Past({ topic }) {
  const [span, setSpan] = useState(0);
  const [, seconds, steps] = SPANS[span];
  const open = useStore(shown);
  const before = useRef(null);
  const end = Math.floor(now() / 60_000) * 60_000;
  const query = { since: new Date(end - seconds * steps * 1000).toISOString(), until: new Date(end).toISOString(), step_seconds: seconds };
  const { data, error, refresh } = useAnswer("listRates", { path: { topic }, query }, { once: true, skip: !open || !may("listRates", topic) });
  if (data) before.current = { data, seconds };
  if (!may("listRates", topic)) return null;
  const drawn = before.current?.seconds === seconds ? before.current.data : null;
  return html`<details class="card past" open=${open} onToggle=${(event) => shown.set(event.currentTarget.open)}>
    <summary>the past</summary>
    <${Failure} error=${error} retry=${refresh} />
    ${drawn ? html`<${Plot} title=${`Messages per ${duration(seconds)}`} format=${number} lines=${lines(drawn)}
      note=${drawn.exact ? null : "The older steps are estimated from a sample: the shape is right, a figure is not exact."} />` : html`<div class="unplotted"><${Loading} /></div>`}
    <label class="span">Span <select value=${span} onChange=${(event) => setSpan(Number(event.target.value))}>
      ${SPANS.map(([words], index) => html`<option key=${words} value=${index}>${words}</option>`)}</select></label>
  </details>`;
}

const lines = ({ steps }) => LINES.map((name) => ({ name, points: steps.map((step) => [Date.parse(step.at), step[name]]) }));
