import { html, useEffect, useState } from "./vendor.js";
import { setQuery } from "./router.js";
import { useStore } from "./store.js";
import { absolute, timeMode } from "./time.js";

const WORDS_OF = { sender: "Sender", key: "Key", reason: "Reason", since: "Since", until: "Until" };
const TIMES = ["since", "until"];

// The filters of a list, which are the query of the address. `names`: those that the list has.
export function Filters({ names, query, children }) {
  const set = (name, value) => setQuery({ ...query, [name]: value });
  const given = names.filter((name) => query[name]);
  const clear = () => setQuery(Object.fromEntries(Object.entries(query).filter(([name]) => !names.includes(name))));
  return html`<form class="filters" aria-label="Filters" onSubmit=${(event) => event.preventDefault()}>
    ${children}
    ${names.map((name) => html`<${TIMES.includes(name) ? Moment : Words} key=${name} name=${name} value=${query[name] || ""} set=${set} />`)}
    ${given.length > 0 && html`<button type="button" class="quiet" onClick=${clear}>Clear</button>`}
  </form>`;
}

// The part of the query that the operation of the list takes.
export const filterOf = (names, query) =>
  Object.fromEntries(names.filter((name) => query[name]).map((name) => [name, query[name]]));

// What is typed is its own until it is finished: an answer that comes in between must not take it back.
function Words({ name, value, set }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const finish = () => text !== value && set(name, text);
  return html`<label>${WORDS_OF[name]}
    <input value=${text} onInput=${(event) => setText(event.target.value)} onBlur=${finish} autocomplete="off" spellcheck=${false}
      placeholder="any" onKeyDown=${(event) => event.key === "Enter" && finish()} /></label>`;
}

// A time in the zone that the page shows; in the address it is a time of the API.
function Moment({ name, value, set }) {
  const zone = useStore(timeMode) === "UTC" ? "UTC" : "local";
  const shown = value && !Number.isNaN(Date.parse(value)) ? absolute(value, zone).replace(" ", "T").replace("Z", "") : "";
  const change = (event) => {
    const text = event.target.value;
    set(name, text && new Date(zone === "UTC" ? `${text}Z` : text).toISOString());
  };
  return html`<label>${WORDS_OF[name]}${zone === "UTC" ? " (UTC)" : ""}
    <input type="datetime-local" step="1" value=${shown} onChange=${change} /></label>`;
}
