import { html, useRef } from "./vendor.js";
import { number } from "./format.js";
import { useAnswer } from "./live.js";
import { Answer } from "./parts.js";
import { Plot } from "./plots.js";
import { may } from "./session.js";
import { now } from "./time.js";

const HOUR = 3_600_000;
const STEP = 60_000;

// Attempts of the last hour, by the minute: delivered and failed.
export function DeliveryPlot({ topic, id }) {
  const known = may("listRates", topic);
  const since = new Date(Math.floor(now() / STEP) * STEP - HOUR).toISOString();
  const answer = useAnswer("listRates", { path: { topic }, query: { since, step_seconds: 60, subscription: id } }, { skip: !known });
  const kept = useRef(null); // while the next hour is asked for
  kept.current = answer.data || kept.current;
  if (!known) return null;
  return html`<section class="card" aria-label="Deliveries"><${Answer} answer=${{ ...answer, data: kept.current }} rows=${7}>${({ steps }) => html`<${Plot}
    title="Attempts a minute" format=${number} lines=${[
      { name: "delivered", points: steps.map(({ at, attempts, failed }) => [Date.parse(at), attempts === null ? null : attempts - failed]) },
      { name: "failed", points: steps.map(({ at, failed }) => [Date.parse(at), failed]) },
    ]} />`}</${Answer}></section>`;
}
