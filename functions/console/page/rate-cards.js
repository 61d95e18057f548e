import { html, useId } from "./vendor.js";
import { rate } from "./format.js";
import { Plot, Spark } from "./plots.js";
import { series } from "./recent-rates.js";
import { store, useStore } from "./store.js";

const SPARK = 5 * 60 * 1000; // milliseconds of a small line
const opened = store(null);

// [name, its lines, whether running totals are needed for it]
const CARDS = [
  ["Published", ["published"], false],
  ["Consumed", ["consumed"], true],
  ["Broadcast", ["broadcast"], true],
  ["Attempts", ["attempts", "failed"], false],
];

// The rates of the whole broker, or of what the token covers. Each opens its plot.
export function RateCards({ points, totals }) {
  const open = useStore(opened);
  const id = useId();
  const newest = points.at(-1);
  const cards = CARDS.filter(([, , needsTotals]) => totals || !needsTotals);
  const [title, names] = cards.find(([name]) => name === open) || [];
  return html`<div class="cards">
      ${cards.map(([name, lines]) => {
        const [first, second] = recent(lines, newest.at);
        return html`<button type="button" key=${name} class="card pulse" aria-expanded=${name === open} aria-controls=${id}
        onClick=${() => opened.set(name === open ? null : name)}>
        <span class="muted">${name}</span>
        <span class="figure">${rate(newest[lines[0]])}</span>
        ${lines[1] && html`<span class=${newest.failed > 0 ? "state bad" : "muted"}>${rate(newest.failed)} failed</span>`}
        <${Spark} points=${first} also=${second} format=${rate} label=${`${name}, the last 5 minutes`} />
      </button>`;
      })}
    </div>
    <div id=${id}>${title && html`<section class="card" aria-label=${title}>
      <${Plot} title=${`${title} per second`} format=${rate} lines=${series(names, 120).map((points, index) => ({ name: names[index], points }))}
        note=${totals ? "" : "Of the topics that the token covers."} />
    </section>`}</div>`;
}

// The scale of time is fixed, so that the lines grow from the right and never stretch.
function recent(names, at) {
  return series(names, 900).map((line) => [[at - SPARK, null], ...line.filter(([time]) => time > at - SPARK)]);
}
