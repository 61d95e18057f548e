import { html, useState } from "./vendor.js";
import { Ask } from "./dialog.js";
import { Field } from "./fields.js";
import { refresh, useAnswer } from "./live.js";
import { go, link } from "./router.js";
import { covers, session } from "./session.js";
import { DEFAULTS, SettingFields, isSetting, settingChanges } from "./setting-fields.js";

// In the order of their bytes.
const LETTERS = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

// The last name that could be before this one: topics are listed by the bytes of their names.
function before(name) {
  const last = LETTERS.indexOf(name.at(-1));
  return last > 0 ? name.slice(0, -1) + LETTERS[last - 1] + "z".repeat(128 - name.length) : name.slice(0, -1);
}

// Create a topic with its settings. A PUT would also set those of a topic that exists: so a name that is taken cannot be sent.
export function CreateTopic({ close, name: start = "" }) {
  const [name, setName] = useState(start);
  const [draft, setDraft] = useState({});
  const fault = whatIsWrongWith(name);
  const known = useAnswer("listTopics", { query: { after: before(name), limit: 1 } }, { once: true, skip: name === "" || fault !== null });
  const taken = known.data?.items[0]?.name === name;
  const changed = settingChanges(draft, DEFAULTS);
  const ready = name !== "" && !fault && known.data && !taken && changed.every(([setting, value]) => isSetting(setting, value));
  const request = () => (ready ? { path: { topic: name }, body: Object.fromEntries(changed) } : null);
  const page = link(["topics", name]);
  return html`<${Ask} title="Create a topic" operation="putTopic" action="Create" close=${close} request=${request}
    done=${() => `The topic ${name} is created`} after=${() => (location.hash === page ? refresh() : go(page))}>
    <${Field} label="name" value=${name} set=${setName} required maxlength="128"
      fault=${taken ? "There is a topic of this name." : fault} note="Letters, digits, dots, hyphens and underscores." />
    <div><${SettingFields} values=${{ ...DEFAULTS, ...draft }} set=${(setting, value) => setDraft({ ...draft, [setting]: value })} /></div>
  </${Ask}>`;
}

function whatIsWrongWith(name) {
  if (name === "") return null;
  if (!/^[A-Za-z0-9._-]+$/.test(name)) return "Only letters, digits, dots, hyphens and underscores.";
  return covers(session.get().self.topics, name) ? null : "The token does not cover this name.";
}
