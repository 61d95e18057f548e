import { html } from "./vendor.js";
import { Dialog, show } from "./dialog.js";
import { interval, refresh } from "./live.js";
import { go } from "./router.js";
import { remembered } from "./store.js";

// Keys of one character can be switched off (WCAG 2.1.4).
export const shortcuts = remembered("shortcuts", true);

const KEYS = [
  ["/", "search"],
  ["g o", "overview"],
  ["g t", "topics"],
  ["g k", "tokens"],
  ["g a", "API"],
  ["j, k", "next and previous row"],
  ["Enter", "open the row"],
  ["r", "ask again now"],
  ["p", "pause, and go on"],
  ["?", "this list"],
];

const PLACES = { o: "#/", t: "#/topics", k: "#/tokens", a: "#/api" };

let went = 0; // when `g` was pressed
let paused = 2000;

addEventListener("keydown", (event) => {
  if (!shortcuts.get() || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input:not([type=checkbox], [type=radio]), textarea, select")) return;
  const screen = Date.now() - went < 1500 ? PLACES[event.key] : undefined;
  went = 0;
  if (screen) go(screen);
  else if (event.key === "g") went = Date.now();
  else if (event.key === "/") document.querySelector("#search")?.focus();
  else if (event.key === "r") refresh();
  else if (event.key === "p") togglePause();
  else if (event.key === "?") show(Keys);
  else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
  else return;
  event.preventDefault();
});

function togglePause() {
  if (interval.get() !== 0) paused = interval.get();
  interval.set(interval.get() === 0 ? paused : 0);
}

// A row is the first link in it.
function step(by) {
  const rows = [...document.querySelectorAll("main [data-row]")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))]?.querySelector("a")?.focus();
}

function Keys({ close }) {
  return html`<${Dialog} title="Keys" leave="Close" close=${close}>
    <dl class="keys">${KEYS.map(([key, text]) => html`<div key=${key}>
      <dt>${key.split(" ").map((part) => html`<kbd key=${part}>${part}</kbd> `)}</dt><dd>${text}</dd></div>`)}</dl>
  </${Dialog}>`;
}
