import { html, useState } from "./vendor.js";
import { DeleteTopic } from "./delete-topic.js";
import { Ask, show } from "./dialog.js";
import { number } from "./format.js";
import { refresh } from "./live.js";
import { Facts, Loading } from "./parts.js";
import { may } from "./session.js";
import { Time } from "./time.js";

// [name, default, what null means, most, meaning], as the contract says
const SETTINGS = [
  ["broadcast", "manual", null, null, "manual: when a request says so. auto: also soon after each publish, as long as there is a subscription."],
  ["lease_seconds", 30, null, 86400, "How long a lease hides a message from other consumers."],
  ["max_receives", 10, "no limit", 1000, "How often a message is leased before it becomes a dead letter. Messages keep what they were published with."],
  ["dead_days", 30, "for any time", 365, "For how many days a dead letter is kept."],
];
const DEFAULTS = Object.fromEntries(SETTINGS.map(([name, value]) => [name, value]));
const words = (name, value) => (value === null ? SETTINGS.find(([other]) => other === name)[2] : typeof value === "number" ? number(value) : value);

export function Settings({ topic, known }) {
  const [draft, setDraft] = useState({});
  if (!known) return html`<${Loading} />`;
  const times = html`<${Facts} facts=${[["created", html`<${Time} at=${known.created_at} />`], ["changed", html`<${Time} at=${known.updated_at} />`]]} />`;
  if (!may("changeTopic", topic)) {
    return html`<${Facts} facts=${SETTINGS.map(([name, value]) => [name, words(name, known[name]), `default ${words(name, value)}`])} /><p></p>${times}`;
  }
  const changed = changes(draft, known);
  const wrong = changed.some(([name]) => !valid(name, draft[name]));
  const restore = () => setDraft({ ...DEFAULTS });
  const after = () => {
    setDraft({});
    refresh();
  };
  return html`
    <form class="card settings" aria-label="Settings" onSubmit=${(event) => event.preventDefault() || (changed.length && !wrong && show(Change, { topic, known, changed, after }))}>
      <${SettingFields} values=${{ ...known, ...draft }} set=${(name, value) => setDraft({ ...draft, [name]: value })} />
      <div class="buttons">
        <button type="submit" data-operation="changeTopic" disabled=${changed.length === 0 || wrong}>
          ${changed.length ? `Save ${changed.length === 1 ? "1 change" : `${changed.length} changes`}…` : "Save…"}</button>
        ${changed.length ? html`<button type="button" class="quiet" onClick=${() => setDraft({})}>Undo</button>` : null}
        <button type="button" class="quiet" onClick=${restore}>Fill in the defaults</button>
      </div>
      <${Changes} changed=${changed} known=${known} />
    </form>
    ${times}
    <${DeleteTopic} topic=${topic} />`;
}

const changes = (draft, known) => Object.entries(draft).filter(([name, value]) => value !== known[name]);

function valid(name, value) {
  const [, , absent, most] = SETTINGS.find(([other]) => other === name);
  if (most === null) return true;
  return value === null ? absent !== null : Number.isInteger(value) && value >= 1 && value <= most;
}

function SettingFields({ values, set }) {
  return SETTINGS.map(([name, value, absent, most, meaning]) => html`<div key=${name} class="setting">
    <label>${name}
      ${most === null
        ? html`<select value=${values[name]} onChange=${(event) => set(name, event.target.value)}><option>manual</option><option>auto</option></select>`
        : html`<input type="number" min="1" max=${most} required=${values[name] !== null} disabled=${values[name] === null} value=${values[name] ?? ""}
            onInput=${(event) => set(name, event.target.value === "" ? Number.NaN : Number(event.target.value))} />`}
    </label>
    ${absent ? html`<label class="check"><input type="checkbox" checked=${values[name] === null} onChange=${(event) => set(name, event.target.checked ? null : value)} />${absent}</label>` : html`<span></span>`}
    <p class="muted"><span class="chip">default ${words(name, value)}</span> ${meaning}</p>
  </div>`);
}

function Changes({ changed, known }) {
  return changed.length === 0 ? null : html`<ul aria-label="What changes">${changed.map(([name, value]) => html`<li key=${name}>
    <code>${name}</code> ${words(name, known[name])} → <strong>${Number.isNaN(value) ? "…" : words(name, value)}</strong></li>`)}</ul>`;
}

function Change({ topic, known, changed, after, close }) {
  return html`<${Ask} title=${`Change the settings of ${topic}`} operation="changeTopic" action="Save" close=${close} after=${after}
    request=${() => ({ path: { topic }, body: Object.fromEntries(changed) })} done=${() => "The settings are saved"}>
    <${Changes} changed=${changed} known=${known} />
  </${Ask}>`;
}
