import { html, useEffect, useId, useRef, useState } from "./vendor.js";
import { Field } from "./fields.js";
import { announce } from "./outcomes.js";
import { Curl, Failure } from "./parts.js";
import { call } from "./request.js";
import { store, useStore } from "./store.js";

// One dialog at a time: a component that is given `close`.
const shown = store(null);

export function show(component, properties = {}) {
  shown.set({ component, properties });
}

// Another screen has no dialog of the one before.
addEventListener("hashchange", () => shown.set(null));

export function Dialogs() {
  const current = useStore(shown);
  if (!current) return null;
  // what was sent may end after its dialog was closed, and another one opened
  const close = () => shown.get() === current && shown.set(null);
  return html`<${current.component} ...${current.properties} close=${close} />`;
}

// What has the focus first: a field, else what copies a secret, else what changes nothing.
const FIRST = "input, textarea, select, .secret button, .buttons button";

// `leave`: the words of its one button, when it only shows something.
export function Dialog({ title, close, leave, children }) {
  const dialog = useRef(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    dialog.current.querySelector(FIRST)?.focus();
    return () => before?.isConnected && before.focus();
  }, []);
  return html`<dialog ref=${dialog} aria-labelledby=${id} onClose=${close}>
    <h2 id=${id}>${title}</h2>
    ${children}
    ${leave && html`<div class="buttons"><button type="button" class="primary" onClick=${close}>${leave}</button></div>`}
  </dialog>`;
}

// A dialog that calls one operation. `request` makes {path, query, body} when it is sent; null: it cannot be sent yet.
// `typed`: what a person types first, when nothing brings it back.
export function Ask({ title, operation, request, action, danger, typed, done, after, close, children }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const [text, setText] = useState("");
  const closed = useRef(false);
  useEffect(() => () => (closed.current = true), []);
  const prepared = request();
  const send = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const answer = await call(operation, prepared);
      close();
      if (done) announce(done(answer));
      if (after) after(answer);
    } catch (failure) {
      if (closed.current) announce(`${title}: ${failure.message}`);
      setError(failure);
      setBusy(false);
    }
  };
  const ready = prepared !== null && !busy && (!typed || text === typed);
  return html`<${Dialog} title=${title} close=${close}>
    <form onSubmit=${send}>
      ${children}
      ${typed && html`<${Typed} phrase=${typed} value=${text} set=${setText} />`}
      <${Failure} error=${error} />
      ${prepared && html`<${Curl} operation=${operation} ...${prepared} />`}
      <div class="buttons">
        <button type="button" onClick=${close}>${operation === "cancelMessage" ? "Close" : "Cancel"}</button>
        <button type="submit" class=${danger ? "danger" : "primary"} disabled=${!ready}>${busy ? "Working…" : action}</button>
      </div>
    </form>
  </${Dialog}>`;
}

// What a person types before something that cannot be undone.
export const Typed = ({ phrase, ...rest }) => html`<${Field} label=${html`<span>Type <code>${phrase}</code> to go on</span>`} ...${rest} />`;

// Do at once what can be undone, and say what came of it.
export async function act(operation, request, done, after) {
  try {
    const answer = await call(operation, request);
    announce(typeof done === "function" ? done(answer) : done);
    if (after) after(answer);
    return answer;
  } catch (error) {
    if (error.status !== 401) show(Refused, { error });
    return null;
  }
}

function Refused({ error, close }) {
  return html`<${Dialog} title="It was not done" leave="Close" close=${close}><${Failure} error=${error} /></${Dialog}>`;
}
