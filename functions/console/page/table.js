import { html } from "./vendor.js";
import { Icon } from "./icons.js";

// A table that scrolls sideways on its own. heads: of each column its words, or [words, class], or the cell itself; nothing
// for a column that is not there.
export function Table({ label, heads, children }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table>
    <thead><tr>${heads.map((head) => (head?.type ? head : head && html`<${Column} words=${[].concat(head)} />`))}</tr></thead>
    <tbody>${children}</tbody>
  </table></div>`;
}

const Column = ({ words: [text, kind] }) => html`<th scope="col" class=${kind}>${text}</th>`;

// Names and what they are worth.
export const Pairs = ({ of }) => html`<table class="pairs"><tbody>${Object.entries(of).map(([name, value]) => html`<tr key=${name}>
  <th scope="row">${name}</th><td>${value ?? html`<span class="muted">hidden</span>`}</td></tr>`)}</tbody></table>`;

// The button of a row that opens one below it.
export const Opener = ({ open, set, what }) => html`<button type="button" class="quiet" aria-expanded=${open}
  aria-label=${`${open ? "close" : "open"} ${what}`} onClick=${() => set(!open)}>
  <${Icon} name=${open ? "down" : "right"} />${open ? "close" : "open"}</button>`;
