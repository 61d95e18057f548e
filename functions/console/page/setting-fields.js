import { html } from "./vendor.js";
import { number } from "./format.js";

// [name, default, what null means, most, meaning], as the contract says
export const SETTINGS = [
  ["broadcast", "manual", null, null, "manual: when a request says so. auto: also soon after each publish, as long as there is a subscription."],
  ["lease_seconds", 30, null, 86400, "How long a lease hides a message from other consumers."],
  ["max_receives", 10, "no limit", 1000, "How often a message is leased before it becomes a dead letter. Messages keep what they were published with."],
  ["dead_days", 30, "for any time", 365, "For how many days a dead letter is kept."],
];
export const DEFAULTS = Object.fromEntries(SETTINGS.map(([name, value]) => [name, value]));
export function settingWords(name, value) {
  if (value === null) return SETTINGS.find(([other]) => other === name)[2];
  return typeof value === "number" ? number(value) : value;
}

export const settingChanges = (draft, known) => Object.entries(draft).filter(([name, value]) => value !== known[name]);

export function isSetting(name, value) {
  const [, , absent, most] = SETTINGS.find(([other]) => other === name);
  if (most === null) return true;
  return value === null ? absent !== null : Number.isInteger(value) && value >= 1 && value <= most;
}

export function SettingFields({ values, set }) {
  return SETTINGS.map(([name, value, absent, most, meaning]) => html`<div key=${name} class="setting">
    <label>${name}
      ${most === null
        ? html`<select value=${values[name]} onChange=${(event) => set(name, event.target.value)}><option>manual</option><option>auto</option></select>`
        : html`<input type="number" min="1" max=${most} required=${values[name] !== null} disabled=${values[name] === null} value=${values[name] ?? ""}
            onInput=${(event) => set(name, event.target.value === "" ? Number.NaN : Number(event.target.value))} />`}
    </label>
    ${absent
      ? html`<label class="check"><input type="checkbox" checked=${values[name] === null}
          onChange=${(event) => set(name, event.target.checked ? null : value)} />${absent}</label>`
      : html`<span></span>`}
    <p class="muted"><span class="chip">default ${settingWords(name, value)}</span> ${meaning}</p>
  </div>`);
}
