import { html, useState } from "./vendor.js";
import { DeleteTopic } from "./delete-topic.js";
import { Ask, show } from "./dialog.js";
import { refresh } from "./live.js";
import { Facts, Loading } from "./parts.js";
import { may } from "./session.js";
import { DEFAULTS, SETTINGS, SettingFields, isSetting, settingChanges, settingWords } from "./setting-fields.js";
import { Time } from "./time.js";

export function Settings({ topic, known }) {
  const [draft, setDraft] = useState({});
  if (!known) return html`<${Loading} />`;
  const times = html`<${Facts} facts=${[["created", html`<${Time} at=${known.created_at} />`], ["updated", html`<${Time} at=${known.updated_at} />`]]} />`;
  if (!may("changeTopic", topic)) {
    const facts = SETTINGS.map(([name, value]) => [name, settingWords(name, known[name]), `default ${settingWords(name, value)}`]);
    return html`<div class="card"><${Facts} facts=${facts} /></div>${times}`;
  }
  const changed = settingChanges(draft, known);
  const wrong = changed.some(([name]) => !isSetting(name, draft[name]));
  const restore = () => setDraft(DEFAULTS);
  const after = () => {
    setDraft({});
    refresh();
  };
  const save = (event) => {
    event.preventDefault();
    if (changed.length && !wrong) show(ChangeSettings, { topic, known, changed, after });
  };
  return html`
    <form class="card" aria-label="Settings" onSubmit=${save}>
      <${SettingFields} values=${{ ...known, ...draft }} set=${(name, value) => setDraft({ ...draft, [name]: value })} />
      <div class="buttons">
        <button type="submit" data-operation="changeTopic" disabled=${changed.length === 0 || wrong}>
          ${changed.length ? `Save ${changed.length === 1 ? "1 change" : `${changed.length} changes`}…` : "Save…"}</button>
        ${changed.length > 0 && html`<button type="button" class="quiet" onClick=${() => setDraft({})}>Undo</button>`}
        <button type="button" class="quiet" onClick=${restore}>Fill in the defaults</button>
      </div>
      <${Changes} changed=${changed} known=${known} />
    </form>
    ${times}
    <${DeleteTopic} topic=${topic} />`;
}

function Changes({ changed, known }) {
  return changed.length === 0 ? null : html`<ul aria-label="What changes">${changed.map(([name, value]) => html`<li key=${name}>
    <code>${name}</code> ${settingWords(name, known[name])} → <strong>${Number.isNaN(value) ? "…" : settingWords(name, value)}</strong></li>`)}</ul>`;
}

function ChangeSettings({ topic, known, changed, after, close }) {
  return html`<${Ask} title=${`Change the settings of ${topic}`} operation="changeTopic" action="Save" close=${close} after=${after}
    request=${() => ({ path: { topic }, body: Object.fromEntries(changed) })} done=${() => "The settings are saved"}>
    <${Changes} changed=${changed} known=${known} />
  </${Ask}>`;
}
