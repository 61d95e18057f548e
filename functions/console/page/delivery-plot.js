import { html, useRef } from "./vendor.js";
import { number } from "./format.js";
import { useAnswer } from "./live.js";
import { Answer } from "./parts.js";
import { Plot } from "./plots.js";
import { may } from "./session.js";
import { succeeded } from "./attempts.js";
import { now } from "./time.js";

const HOUR = 3_600_000;
const STEP = 60_000;

// Attempts of the last hour, by the minute: delivered and failed.
export function DeliveryPlot({ topic, id }) {
  const counted = may("listRates", topic);
  const query = { since: new Date(firstMinute()).toISOString(), step_seconds: 60, subscription: id };
  const rates = useAnswer("listRates", { path: { topic }, query }, { skip: !counted });
  const attempts = useAnswer("listAttempts", { path: { topic, id }, query: { limit: 1000 } }, { skip: counted, once: true });
  const answer = counted ? rates : attempts;
  const kept = useRef(null); // while the next hour is asked for
  kept.current = answer.data || kept.current;
  return html`<${Answer} answer=${{ ...answer, data: kept.current }}>${(data) => {
    const points = counted ? data.steps.map((step) => [Date.parse(step.at), step.attempts, step.failed]) : byMinute(data.items);
    return html`<${Plot} title="Attempts a minute" format=${number} note=${data.next ? `Of the newest ${number(data.items.length)} attempts.` : null} lines=${[
      { name: "delivered", points: points.map(([at, all, failed]) => [at, all === null ? null : all - failed]) },
      { name: "failed", points: points.map(([at, , failed]) => [at, failed]) },
    ]} />`;
  }}</${Answer}>`;
}

const firstMinute = () => Math.floor(now() / STEP) * STEP - HOUR;

function byMinute(items) {
  const first = firstMinute();
  const points = Array.from({ length: 61 }, (_, index) => [first + index * STEP, 0, 0]);
  for (const item of items) {
    const point = points[Math.floor((Date.parse(item.started_at) - first) / STEP)];
    if (!point) continue;
    point[1] += 1;
    if (!succeeded(item)) point[2] += 1;
  }
  return points;
}
