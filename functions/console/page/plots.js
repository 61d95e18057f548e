import { html, useId, useState } from "./vendor.js";
import { useStore } from "./store.js";
import { clock, timeMode } from "./time.js";

// Plots are SVG drawn here: at most four lines of some hundred points. Each says its numbers in a label and in a table.

const WIDTH = 600;
const HEIGHT = 120;
const TOP = 10;
const STYLES = ["first", "second", "third", "fourth"];

// The next round number that bounds a scale: 1, 2 or 5 times a power of ten.
export function bound(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function paths(points, from, to, most, width, height) {
  const x = (at) => ((at - from) / Math.max(1, to - from)) * width;
  const y = (value) => height - (value / most) * (height - TOP);
  const parts = [];
  let open = false;
  for (const [at, value] of points) {
    if (value === null) open = false; // a gap
    else {
      parts.push(`${open ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
      open = true;
    }
  }
  return parts.join("");
}

// A line without axes: points are [[milliseconds, value or null]].
export function Spark({ points, label }) {
  const values = points.map(([, value]) => value).filter((value) => value !== null);
  if (values.length < 2) return html`<svg class="spark" viewBox="0 0 120 28" role="img" aria-label=${`${label}: no past yet`}></svg>`;
  const most = bound(Math.max(...values));
  const line = paths(points, points[0][0], points.at(-1)[0], most, 120, 28);
  return html`<svg class="spark" viewBox="0 0 120 28" preserveAspectRatio="none" role="img" aria-label=${`${label}, at most ${Math.max(...values)}`}>
    <path d=${line} />
  </svg>`;
}

// Lines over time, with axes and a cursor. lines: [{name, points, format}]; note: what is not exact about them.
export function Plot({ title, lines, format, note }) {
  const id = useId();
  const mode = useStore(timeMode);
  const [cursor, setCursor] = useState(null);
  const all = lines.flatMap((line) => line.points);
  if (all.length === 0) return null;
  const from = Math.min(...all.map(([at]) => at));
  const to = Math.max(...all.map(([at]) => at));
  const most = bound(Math.max(...all.map(([, value]) => value ?? 0)));
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    setCursor(from + ((event.clientX - box.left) / box.width) * (to - from));
  };
  const times = lines[0].points.map(([at]) => at);
  const nearest = cursor === null ? null : times.reduce((best, at) => (Math.abs(at - cursor) < Math.abs(best - cursor) ? at : best), times[0]);
  const valueAt = (line, time) => line.points.find(([at]) => at === time)?.[1] ?? null;
  const shown = (line) => (nearest === null ? null : format(valueAt(line, nearest)));
  return html`<figure class="plot">
    <figcaption id=${id}>
      <span>${title}</span>
      ${lines.map((line, index) => html`<span key=${line.name} class=${`legend ${STYLES[index]}`}><i></i>${line.name}
        ${nearest === null ? null : html` <b>${shown(line)}</b>`}</span>`)}
      ${nearest === null ? null : html`<span class="muted">${clock(nearest, mode)}</span>`}
    </figcaption>
    <div class="drawing">
      <span class="most" aria-hidden="true">${format(most)}</span>
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-labelledby=${id} onPointerMove=${move} onPointerLeave=${() => setCursor(null)}>
        <path class="grid" d=${`M0 ${TOP}H${WIDTH}M0 ${(HEIGHT + TOP) / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`} />
        ${lines.map((line, index) => html`<path key=${line.name} class=${STYLES[index]} d=${paths(line.points, from, to, most, WIDTH, HEIGHT)} />`)}
        ${nearest === null ? null : html`<path class="cursor" d=${`M${(((nearest - from) / Math.max(1, to - from)) * WIDTH).toFixed(1)} ${TOP}V${HEIGHT}`} />`}
      </svg>
      <div class="axis" aria-hidden="true"><span>${clock(from, mode)}</span><span>${clock(to, mode)}</span></div>
    </div>
    ${note ? html`<p class="muted">${note}</p>` : null}
    <${Numbers} lines=${lines} times=${times} format=${format} valueAt=${valueAt} />
  </figure>`;
}

function Numbers({ lines, times, format, valueAt }) {
  const [open, setOpen] = useState(false);
  const mode = useStore(timeMode);
  return html`<details class="numbers" onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>the numbers</summary>
    ${open ? html`<div class="scroll" tabindex="0" role="region" aria-label="The numbers of the plot"><table>
      <thead><tr><th scope="col">time</th>${lines.map((line) => html`<th key=${line.name} scope="col" class="number">${line.name}</th>`)}</tr></thead>
      <tbody>${times.map((time) => html`<tr key=${time}><td>${clock(time, mode)}</td>
        ${lines.map((line) => html`<td key=${line.name} class="number">${format(valueAt(line, time))}</td>`)}</tr>`)}</tbody>
    </table></div>` : null}
  </details>`;
}
