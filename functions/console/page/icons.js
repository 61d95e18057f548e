import { html } from "./vendor.js";

// Shapes, so that a state is never a colour alone; drawn here, because glyphs differ from font to font.
const SHAPES = {
  circle: html`<circle cx="8" cy="8" r="5" />`,
  ring: html`<circle cx="8" cy="8" r="4.5" class="hollow" />`,
  triangle: html`<path d="M8 2.5 14 13H2z" />`,
  bars: html`<path d="M4 3h3v10H4zM9 3h3v10H9z" />`,
  cross: html`<path d="M4 4l8 8M12 4l-8 8" class="line" />`,
  check: html`<path d="M3 8.5l3.5 3.5L13 4.5" class="line" />`,
  square: html`<rect x="3.5" y="3.5" width="9" height="9" />`,
  clock: html`<circle cx="8" cy="8" r="5.5" class="hollow" /><path d="M8 5v3.2l2.2 1.4" class="hollow" />`,
  search: html`<circle cx="7" cy="7" r="4" class="hollow" /><path d="M10 10l4 4" class="line" />`,
  copy: html`<rect x="5.5" y="5.5" width="8" height="8" rx="1" class="hollow" /><path d="M10.5 3V2.5H2.5v8H3" class="hollow" />`,
  right: html`<path d="M6 3.5 10.5 8 6 12.5" class="line" />`,
  down: html`<path d="M3.5 6 8 10.5 12.5 6" class="line" />`,
  key: html`<circle cx="5" cy="8" r="2.5" class="hollow" /><path d="M7.5 8H14M12 8v3" class="hollow" />`,
};

export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">${SHAPES[name]}</svg>`;

// [shape, tone, word, if it is another] of each state of the API.
const STATES = {
  active: ["circle", "good"],
  waiting: ["clock", "plain"],
  retrying: ["triangle", "warn", "waiting to retry"],
  paused: ["bars", "plain"],
  disabled: ["cross", "bad"],
  leased: ["ring", "busy"],
  dead: ["cross", "bad", "dead letter"],
  broadcast: ["circle", "good"],
  consumed: ["check", "good"],
  delivered: ["check", "good"],
  due: ["clock", "plain"],
  refused: ["triangle", "warn"],
  resent: ["clock", "busy"],
  deleted: ["cross", "plain"],
  lost: ["cross", "bad"],
  failed: ["triangle", "warn"],
  published: ["ring", "plain"],
};

// A subscription that waits has failed, or was asked to wait: it is not as a message that waits.
export const stateOf = ({ state }) => (state === "waiting" ? "retrying" : state);

export function State({ of, word }) {
  const [shape, tone, text = of] = STATES[of] || ["ring", "plain"];
  return html`<span class=${`state ${tone}`}><${Icon} name=${shape} />${word || text}</span>`;
}
