import { html, useState } from "./vendor.js";
import { Ask } from "./dialog.js";
import { refresh, useAnswer } from "./live.js";
import { go, link } from "./router.js";
import { covers, session } from "./session.js";

// The defaults of the contract.
const DEFAULTS = { broadcast: "manual", lease_seconds: "30", max_receives: "10", dead_days: "30" };
const ORDER = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const NAME = "[A-Za-z0-9._\\-]{1,128}";

// The last name that could be before this one: topics are listed by the bytes of their names.
function before(name) {
  const last = ORDER.indexOf(name.at(-1));
  return last > 0 ? name.slice(0, -1) + ORDER[last - 1] + "z".repeat(128 - name.length) : name.slice(0, -1);
}

// Create a topic with its settings. A PUT would also set those of a topic that exists: so a name that is taken cannot be sent.
export function CreateTopic({ close, name: start = "" }) {
  const [fields, setFields] = useState({ name: start, ...DEFAULTS });
  const set = (name) => (event) => setFields({ ...fields, [name]: event.target.value });
  const { name } = fields;
  const valid = new RegExp(`^${NAME}$`).test(name);
  const covered = !valid || covers(session.get().self.topics, name);
  const known = useAnswer("listTopics", { query: { after: before(name), limit: 1 } }, { once: true, skip: !valid });
  const taken = valid && known.data?.items[0]?.name === name;
  const optional = (text) => (text === "" ? null : Number(text));
  const request = () =>
    valid && covered && known.data && !taken
      ? {
          path: { topic: name },
          body: {
            broadcast: fields.broadcast,
            lease_seconds: Number(fields.lease_seconds),
            max_receives: optional(fields.max_receives),
            dead_days: optional(fields.dead_days),
          },
        }
      : null;
  const after = () => {
    go(link(["topics", name]));
    refresh(); // the screen of the name may be the one that is open
  };
  return html`<${Ask} title="Create a topic" operation="putTopic" action="Create" close=${close} request=${request}
    done=${() => `The topic ${name} is there`} after=${after}>
    <label>Name
      <input value=${name} onInput=${set("name")} required pattern=${NAME} autocomplete="off" spellcheck=${false} aria-describedby="name-hint" />
      <small id="name-hint" class=${taken || !covered ? "state bad" : "muted"}>${
        taken ? html`There is a topic of this name. <a href=${link(["topics", name])} onClick=${close}>Open it</a>` : !covered ? "The token does not cover this name." : "Letters, digits, dots, hyphens and underscores."
      }</small></label>
    <label>broadcast
      <select value=${fields.broadcast} onChange=${set("broadcast")}><option>manual</option><option>auto</option></select>
      <small class="muted">manual, the default: when a request says so. auto: also soon after each publish.</small></label>
    <div class="fields">
      <label>lease_seconds <input type="number" required min="1" max="86400" value=${fields.lease_seconds} onInput=${set("lease_seconds")} />
        <small class="muted">default ${DEFAULTS.lease_seconds}</small></label>
      <label>max_receives <input type="number" min="1" max="1000" placeholder="no limit" value=${fields.max_receives} onInput=${set("max_receives")} />
        <small class="muted">default ${DEFAULTS.max_receives}; empty: no limit</small></label>
      <label>dead_days <input type="number" min="1" max="365" placeholder="for any time" value=${fields.dead_days} onInput=${set("dead_days")} />
        <small class="muted">default ${DEFAULTS.dead_days}; empty: for any time</small></label>
    </div>
  </${Ask}>`;
}
