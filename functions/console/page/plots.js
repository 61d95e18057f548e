import { html, useId, useState } from "./vendor.js";
import { number } from "./format.js";
import { useStore } from "./store.js";
import { Table } from "./table.js";
import { absolute, clock, timeMode } from "./time.js";

// Plots are SVG drawn here: at most three lines of some hundred points. Each says its numbers in a label and in a table.

const WIDTH = 600;
const HEIGHT = 120;
const TOP = 10;
const STYLES = ["first", "second", "third"];

// The next round number that bounds a scale: 1, 2 or 5 times a power of ten.
function bound(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

const atMost = (points) => points.reduce((most, [, value]) => Math.max(most, value ?? 0), 0);

// A null is a gap. A point between two gaps is a dot: "h0", as lines have round ends.
function path(points, from, to, most, width, height, top) {
  const x = (at) => ((at - from) / Math.max(1, to - from)) * width;
  const y = (value) => height - (value / most) * (height - top);
  let open = false;
  return points
    .map(([at, value]) => {
      const starts = !open;
      open = value !== null;
      return open ? `${starts ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}${starts ? "h0" : ""}` : "";
    })
    .join("");
}

// A line without axes: points are [[milliseconds, value or null]]. `also`: a second line of the same times, on the same scale.
export function Spark({ points, also = [], label, format = (value) => number(Math.round(value * 10) / 10) }) {
  const known = points.filter(([, value]) => value !== null);
  const most = Math.max(atMost(points), atMost(also));
  const line = (of) => path(of, points[0][0], points.at(-1)[0], bound(most), 120, 27, 2);
  const text = known.length < 2 ? `${label}: no past yet` : `${label}: ${format(known.at(-1)[1])}, at most ${format(most)}`;
  return html`<svg class="spark" viewBox="0 0 120 28" preserveAspectRatio="none" role="img" aria-label=${text}>
    ${known.length < 2 ? null : html`<path d=${line(points)} /><path class="second" d=${line(also)} />`}
  </svg>`;
}

// Lines over time, with axes and a cursor. lines: [{name, points}], which share their times; without a cursor the newest
// numbers are shown. note: what is not exact about them.
export function Plot({ title, lines, format, note }) {
  const id = useId();
  const mode = useStore(timeMode);
  const [cursor, setCursor] = useState(null);
  const times = lines[0]?.points.map(([at]) => at) || [];
  if (times.length === 0) return html`<figure class="plot"><figcaption>${title}</figcaption><div class="drawing none">nothing yet</div></figure>`;
  const from = times[0];
  const to = times.at(-1);
  const most = bound(Math.max(...lines.map((line) => atMost(line.points))));
  const x = (at) => ((at - from) / Math.max(1, to - from)) * WIDTH;
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    setCursor(from + ((event.clientX - box.left) / box.width) * (to - from));
  };
  const wanted = cursor ?? to;
  const nearest = times.reduce((best, at, index) => (Math.abs(at - wanted) < Math.abs(times[best] - wanted) ? index : best), 0);
  const text = (at) => timeOf(at, to - from, mode);
  return html`<figure class="plot">
    <figcaption id=${id}>
      <span>${title}</span>
      ${lines.map((line, index) => html`<span key=${line.name} class=${`legend ${STYLES[index]}`}>
        <i></i>${line.name} <b>${format(line.points[nearest]?.[1] ?? null)}</b></span>`)}
      <span class="muted">${text(times[nearest])}</span>
    </figcaption>
    <div class="drawing">
      <span class="most" aria-hidden="true">${format(most)}</span>
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-labelledby=${id}
        onPointerMove=${move} onPointerLeave=${() => setCursor(null)}>
        <path class="grid" d=${`M0 ${TOP}H${WIDTH}M0 ${(HEIGHT + TOP) / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`} />
        ${lines.map((line, index) => html`<path key=${line.name} class=${STYLES[index]} d=${path(line.points, from, to, most, WIDTH, HEIGHT, TOP)} />`)}
        ${cursor === null ? null : html`<path class="cursor" d=${`M${x(times[nearest]).toFixed(1)} ${TOP}V${HEIGHT}`} />`}
      </svg>
      <div class="axis" aria-hidden="true">${[from, (from + to) / 2, to].map((at) => html`<span key=${at}>${text(at)}</span>`)}</div>
    </div>
    ${note && html`<p class="muted">${note}</p>`}
    <${Numbers} lines=${lines} times=${times} format=${format} text=${text} />
  </figure>`;
}

// With seconds for some minutes, with the date for days.
function timeOf(at, range, mode) {
  if (range > 20 * 3_600_000) return absolute(at, mode === "UTC" ? mode : "local").slice(5, 16);
  return clock(at, mode, range < 600_000);
}

function Numbers({ lines, times, format, text }) {
  const [open, setOpen] = useState(false);
  return html`<details class="numbers" onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>the numbers</summary>
    ${open && html`<${Table} label="The numbers of the plot" heads=${["time", ...lines.map((line) => [line.name, "number"])]}>
      ${times.map((time, index) => html`<tr key=${time}><th scope="row">${text(time)}</th>
        ${lines.map((line) => html`<td key=${line.name} class="number">${format(line.points[index]?.[1] ?? null)}</td>`)}</tr>`)}</${Table}>`}
  </details>`;
}
