import { html, useEffect, useRef, useState } from "./vendor.js";
import { Dialog, Typed } from "./dialog.js";
import { count, number } from "./format.js";
import { announce } from "./outcomes.js";
import { Curl, Failure } from "./parts.js";

// A dialog that counts first, and then does a part at a time until all is done.
// tally: () => {count, exact}; step: () => {moved, complete, left}; request: what is sent, for
// its curl; typed: (count) => what a person types before it, or null; done: (moved, the last step) => what is said then;
// empty: what is said when there is nothing to do.
export function Bulk({ title, action, operation, request, danger, tally, step, typed, done, empty, after, close, children }) {
  const [state, setState] = useState("counting"); // then ready, running, stopped
  const [total, setTotal] = useState({ count: 0, exact: true });
  const [moved, setMoved] = useState(0);
  const [error, setError] = useState(null);
  const [text, setText] = useState("");
  const stop = useRef(false);
  const closed = useRef(false);
  useEffect(() => () => (closed.current = stop.current = true), []);

  const begin = async () => {
    setError(null);
    try {
      setTotal(await tally());
      setState("ready");
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => {
    begin();
  }, []);

  const run = async (event) => {
    event.preventDefault();
    stop.current = false;
    setState("running");
    setError(null);
    let all = moved;
    let part = null;
    try {
      while (!part?.complete && !stop.current) {
        part = await step();
        all += part.moved;
        setMoved(all);
        if (part.left) setTotal({ count: all + part.left, exact: true });
      }
    } catch (failure) {
      setError(failure);
    }
    setState("stopped");
    if (part?.complete && !closed.current) close();
    if (part && (part.complete || closed.current)) announce(done(all, part));
    after();
  };

  const none = state === "ready" && total.count === 0;
  const phrase = typed ? typed(total.count) : null;
  const begun = state === "running" || state === "stopped";
  const most = Math.max(total.count, moved, 1);
  return html`<${Dialog} title=${title} close=${close}>
    <form onSubmit=${run}>
      ${children}
      ${state === "counting" && !error && html`<p role="status">Counting…</p>`}
      ${none && html`<p role="status"><strong>${empty}</strong></p>`}
      ${state === "ready" && phrase && html`<${Typed} phrase=${phrase} value=${text} set=${setText} />`}
      ${begun && html`<div class="progress"><progress max=${most} value=${moved} aria-label=${title}></progress>
        <span>${number(moved)} of ${number(most)} done${state === "stopped" ? ", then it stopped" : ""}</span></div>`}
      <${Failure} error=${error} retry=${state === "counting" ? begin : null} />
      <${Curl} operation=${operation} ...${request} />
      <div class="buttons">
        ${state === "running"
          ? html`<button type="button" onClick=${() => (stop.current = true)}>Stop</button>`
          : html`<button type="button" onClick=${close}>${begun || none ? "Close" : "Cancel"}</button>`}
        ${none ? null : html`<button type="submit" class=${danger ? "danger" : "primary"}
          disabled=${state === "counting" || state === "running" || (phrase && text !== phrase)}>
          ${state === "running" ? "Working…" : state === "stopped" ? "Go on" : state === "ready" ? `${action} ${count(total)}` : action}</button>`}
      </div>
    </form>
  </${Dialog}>`;
}
