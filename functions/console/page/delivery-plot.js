import { html } from "./vendor.js";
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
  const since = new Date(Math.floor(now() / STEP) * STEP - HOUR).toISOString();
  const rates = useAnswer("listRates", { path: { topic }, query: { since, step_seconds: 60, subscription: id } }, { skip: !counted });
  const attempts = useAnswer("listAttempts", { path: { topic, id }, query: { limit: 1000 } }, { skip: counted, once: true });
  const draw = (points, note) => html`<${Plot} title="Attempts a minute" format=${number} note=${note} lines=${[
    { name: "delivered", points: points.map(([at, all, failed]) => [at, all === null ? null : all - failed]) },
    { name: "failed", points: points.map(([at, , failed]) => [at, failed]) },
  ]} />`;
  if (counted) return html`<${Answer} answer=${rates}>${({ steps, exact }) =>
    draw(steps.map((step) => [Date.parse(step.at), step.attempts, step.failed]), exact ? null : "About: counted from samples.")}</${Answer}>`;
  return html`<${Answer} answer=${attempts}>${({ items, next }) => draw(byMinute(items), next ? `Of the newest ${number(items.length)} attempts.` : null)}</${Answer}>`;
}

function byMinute(items) {
  const first = Math.floor(now() / STEP) * STEP - HOUR;
  const points = Array.from({ length: 61 }, (_, index) => [first + index * STEP, 0, 0]);
  for (const item of items) {
    const point = points[Math.floor((Date.parse(item.started_at) - first) / STEP)];
    if (!point) continue;
    point[1] += 1;
    if (!succeeded(item)) point[2] += 1;
  }
  return points;
}
