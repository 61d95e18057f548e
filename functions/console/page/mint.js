import { html, useState } from "./vendor.js";
import { Ask } from "./dialog.js";
import { Field } from "./fields.js";
import { SCOPES } from "./scopes.js";

const ENDS = [
  ["3600", "in an hour"],
  ["43200", "in 12 hours"],
  ["604800", "in a week"],
  ["2592000", "in 30 days"],
  ["31536000", "in a year"],
  ["", "never, or with your own"],
];

// Mint a token of what the person's own token may do: the broker refuses more.
export function MintToken({ self, minted, close }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState([]);
  const [topics, setTopics] = useState(self.topics.join(" "));
  const [ends, setEnds] = useState("2592000");
  const [limit, setLimit] = useState("");
  const mine = SCOPES.filter(([scope]) => self.scopes.includes(scope));
  const toggle = (scope) => setScopes(mine.map(([each]) => each).filter((each) => scopes.includes(each) !== (each === scope)));
  const request = () => {
    if (name === "" || scopes.length === 0) return null;
    const body = { name, scopes, topics: topics.split(/[\s,]+/).filter(Boolean) };
    if (ends) body.expires_in_seconds = Number(ends);
    if (limit) body.requests_per_second = Number(limit);
    return { body };
  };
  return html`<${Ask} title="Mint a token" operation="mintToken" request=${request} action="Mint" after=${minted} close=${close}>
    <${Field} label="Name" required pattern="[A-Za-z0-9._\\-]{1,128}" title="letters, digits, dots, hyphens, underscores"
      value=${name} set=${setName} note="It is the sender of what the token publishes." />
    <fieldset><legend>Scopes</legend>
      <div class="choices">${mine.map(([scope, text]) => html`<label class="check" key=${scope}>
        <input type="checkbox" checked=${scopes.includes(scope)} onChange=${() => toggle(scope)} />
        <b>${scope}</b><span class="muted">${text}</span></label>`)}</div>
    </fieldset>
    <${Field} label="Topics" required value=${topics} set=${setTopics}
      note=${html`Names, or beginnings with a star, such as <code>orders invoices.*</code>`} />
    <div class="fields">
      <label>It ends<select value=${ends} onChange=${(event) => setEnds(event.target.value)}>
        ${ENDS.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select></label>
      <${Field} label="Requests per second" type="number" min="1" max="10000" placeholder="no limit" value=${limit} set=${setLimit} />
    </div>
  </${Ask}>`;
}
