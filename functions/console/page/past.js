import { html, useRef, useState } from "./vendor.js";
import { rate } from "./format.js";
import { useAnswer } from "./live.js";
import { Failure, Loading } from "./parts.js";
import { Plot } from "./plots.js";
import { may } from "./session.js";
import { now } from "./time.js";

const STEPS = 60;
// [words, seconds of a step]
const SPANS = [
  ["1 hour", 60],
  ["6 hours", 360],
  ["1 day", 1440],
  ["7 days", 10080],
];
const LINES = [
  ["published", (step) => step.published],
  ["broadcast", (step) => step.broadcast],
  ["attempts", (step) => step.attempts],
  ["failed", (step) => step.failed],
];

// The rates of a topic over time. They are counted once a step, while the page is live.
export function Past({ topic }) {
  const [seconds, setSeconds] = useState(SPANS[0][1]);
  const before = useRef(null);
  const end = Math.ceil(now() / 60_000) * 60_000;
  const query = { since: new Date(end - seconds * STEPS * 1000).toISOString(), until: new Date(end).toISOString(), step_seconds: seconds };
  const { data, error, refresh } = useAnswer("listRates", { path: { topic }, query }, { once: true, skip: !may("listRates", topic) });
  if (data) before.current = { data, seconds };
  if (!may("listRates", topic)) return null;
  const drawn = before.current?.seconds === seconds ? before.current.data : null;
  return html`<section class="card" aria-label="The past">
    <${Failure} error=${error} retry=${refresh} />
    ${drawn ? html`<${Plot} title="Messages and attempts a second" format=${rate} lines=${lines(drawn)}
      note=${drawn.exact ? null : "Sampled, because there is too much to count: the shape is right, a figure is not exact."} />` : html`<div class="unplotted"><${Loading} /></div>`}
    <label class="span">Span <select value=${seconds} onChange=${(event) => setSeconds(Number(event.target.value))}>
      ${SPANS.map(([words, step]) => html`<option key=${step} value=${step}>${words}</option>`)}</select></label>
  </section>`;
}

const lines = ({ steps, step_seconds: width }) =>
  LINES.map(([name, value]) => ({
    name,
    points: steps.map((step) => [Date.parse(step.at), (value(step) ?? null) === null ? null : value(step) / width]),
  }));
